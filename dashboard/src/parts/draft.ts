// What a form holds of something that others may change while it is open.
import { useState } from 'react';

/** What is so now, until something else is chosen; `changed` says that what was chosen is still another. */
export function useDraft<T extends string>(now: T) {
  const [chosen, choose] = useState<T | null>(null);
  const value = chosen ?? now;
  return { value, choose, changed: value !== now };
}

/** A set of which only what was added and taken away here is changed: what others do to the rest meanwhile stays done. */
export function useDraftSet(now: string[]) {
  const [added, add] = useState<string[]>([]);
  const [taken, take] = useState<string[]>([]);
  const value = [...now.filter((id) => !taken.includes(id)), ...added.filter((id) => !now.includes(id))];
  const choose = (next: string[]) => {
    const fresh = next.filter((id) => !value.includes(id));
    const gone = value.filter((id) => !next.includes(id));
    add([...added.filter((id) => !gone.includes(id)), ...fresh]);
    take([...taken.filter((id) => !fresh.includes(id)), ...gone]);
  };
  return { value, choose };
}
