import { type ReactNode, type FormEvent, useState } from 'react';

import { Alert, Button, Field, useAction } from '../../parts/ui';
import { slugOf } from '../slug';

interface NameFormProps {
  /** Makes what is named. */
  create: (names: { name: string; slug: string }) => Promise<void>;
  children?: ReactNode;
}

/** The names of something new; the short one is made from the full one until somebody types another. */
export function NameForm({ create, children }: NameFormProps) {
  const [name, setName] = useState('');
  const [slug, setSlug] = useState<string | null>(null);
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(() => create({ name: name.trim(), slug: slug ?? slugOf(name) }));
  };
  return (
    <form onSubmit={submit}>
      <Field label="Name" name="name" maxLength={100} required data-autofocus value={name} onValue={setName} error={error} />
      <Field label="Short name" name="slug" hint="2 to 40 of a–z, 0–9 and inner hyphens." maxLength={40} required value={slug ?? slugOf(name)} onValue={setSlug} error={error} />
      {children}
      <Alert error={error} />
      <Button type="submit" busy={busy} progress="Creating…">
        Create
      </Button>
    </form>
  );
}
