import { Progress, Text } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';

import { follow, type LiveStatus } from '../../api/live';
import { FollowSweepDocument, type SweepState } from '../../gql';
import { momentName } from '../../words';
import { counted, type Sweep } from './types';

/** How often a sweep is asked about while its subscription cannot be had, in milliseconds. */
const polling = 2_000;

const ended = (state: SweepState) => state === 'DONE' || state === 'CANCELED';

/** The sweep as it goes, pushed by the server, or asked for where the line is broken. */
function useSweep(latest: Sweep, refresh: () => void): Sweep {
  const [pushed, setPushed] = useState<Sweep | null>(null);
  const [status, setStatus] = useState<LiveStatus['at']>('connecting');
  // It only ever goes on: of the two the one that has come further is the newer.
  const sweep = pushed === null || ended(latest.state) || done(latest) > done(pushed) ? latest : pushed;
  const running = !ended(sweep.state);
  const { id } = latest;
  useEffect(() => {
    if (!running) return;
    return follow({
      document: FollowSweepDocument,
      variables: { id },
      next: (data) => setPushed(data.sweep),
      status: ({ at }) => setStatus(at),
    });
  }, [id, running]);
  const ask = useRef(refresh);
  ask.current = refresh;
  useEffect(() => {
    if (!running || status === 'live') return;
    const timer = setInterval(() => ask.current(), polling);
    return () => clearInterval(timer);
  }, [running, status]);
  return sweep;
}

const done = (sweep: Sweep) => sweep.done + sweep.failed;

/** One sweep's progress and what came of it. */
export function SweepProgress({ latest, refresh }: { latest: Sweep; refresh: () => void }) {
  const sweep = useSweep(latest, refresh);
  const running = !ended(sweep.state);
  const was = useRef(running);
  // What the rest of the screen says has changed with it.
  useEffect(() => {
    if (was.current && !running) refresh();
    was.current = running;
  }, [running, refresh]);
  const gone = done(sweep);
  const share = sweep.total === 0 ? 100 : Math.min(100, Math.round((100 * gone) / sweep.total));
  return (
    <div className="sweep">
      <h3>{running ? 'Removing members without two-factor authentication' : 'The latest sweep'}</h3>
      {running && (
        <>
          <Progress.Root size="lg">
            <Progress.Section value={share} aria-label="Members removed" animated />
          </Progress.Root>
          <Text size="sm" mt={4}>
            {gone.toLocaleString('en-GB')} of {counted(sweep.total, 'member')} ({share} %)
          </Text>
        </>
      )}
      {/* Told in tenths: a screen reader is not to read each member out. */}
      <p role="status">
        {running && (share < 10 ? 'Removing members: under way.' : `Removing members: ${Math.floor(share / 10) * 10} % done.`)}
        {sweep.state === 'DONE' && `Done${sweep.finishedAt === null ? '' : `, ${momentName(sweep.finishedAt)}`}: ${outcome(sweep)}`}
        {sweep.state === 'CANCELED' && `Stopped, because the requirement was turned off: ${outcome(sweep)}`}
      </p>
    </div>
  );
}

function outcome({ done: removed, failed }: Sweep): string {
  const first = removed === 0 ? 'nobody had to be removed.' : `${counted(removed, 'member')} removed and mailed the way back.`;
  if (failed === 0) return first;
  return `${first} ${counted(failed, 'member')} could not be mailed: locked out, but still on the list of members.`;
}
