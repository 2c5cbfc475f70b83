import { useEffect, useRef, useState } from 'react';

import type { Entry } from '../feed';
import { deedOf } from '../log/label';
import { useOrganization } from '../Organization';
import { concernsMembers } from './Members';

/** How long changes are gathered before they are told, in milliseconds: a sweep is one sentence, not a thousand. */
const gathering = 1_500;

/** What has just changed in the list, read out politely: rows change by themselves, and not everybody sees it. */
export function News() {
  const { feed } = useOrganization();
  const [news, setNews] = useState('');
  const gathered = useRef<Entry[]>([]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tell = () => {
      timer = undefined;
      const entries = gathered.current.splice(0);
      const last = entries.at(-1);
      if (last === undefined) return;
      setNews(entries.length === 1 ? sentence(last) : `${entries.length} changes; the last: ${sentence(last)}`);
    };
    const leave = feed.onEntry((entry) => {
      if (!concernsMembers(entry)) return;
      gathered.current.push(entry);
      timer ??= setTimeout(tell, gathering);
    });
    return () => {
      leave();
      clearTimeout(timer);
      gathered.current = [];
    };
  }, [feed]);
  return (
    <p role="status" aria-label="What has just changed" className="news">
      {news}
    </p>
  );
}

const sentence = (entry: Entry) => `${entry.actorLabel} ${deedOf(entry)}.`;
