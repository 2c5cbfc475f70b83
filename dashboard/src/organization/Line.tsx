// How the line to the server stands, in words.
import './line.css';

import { Alert, Badge, Button, Group, Text } from '@mantine/core';
import { IconPlugConnectedX } from '@tabler/icons-react';
import { useEffect, useState } from 'react';

import { type LiveStatus, tryNow } from '../api/live';

/** A line that breaks for less than this, in milliseconds, is nobody's concern. */
const blink = 1_500;

/** A quiet word that the line is broken, for as long as it is. What is on the screen stays there. */
export function LineBanner({ status }: { status: LiveStatus }) {
  const [broken, setBroken] = useState(false);
  const [wasLive, setWasLive] = useState(false);
  const live = status.at === 'live' || status.at === 'catching-up' || status.at === 'behind';
  if (live && !wasLive) setWasLive(true);
  if (live && broken) setBroken(false);
  useEffect(() => {
    if (live) return;
    // The first connection may take longer before anybody is told.
    const timer = setTimeout(() => setBroken(true), wasLive ? blink : 4 * blink);
    return () => clearTimeout(timer);
  }, [live, wasLive]);
  return (
    <div role="status" className="line-place">
      {broken && status.at !== 'ended' && (
        <Alert role="presentation" color="yellow" variant="light" className="line" icon={<IconPlugConnectedX aria-hidden />} title="No connection to Muster">
          <Text size="sm" mb="xs">
            What you see may be out of date. Nothing is lost: it goes on by itself where it was.
          </Text>
          <Button size="compact-sm" variant="default" onClick={tryNow}>
            Try now
          </Button>
        </Alert>
      )}
    </div>
  );
}

/** How many seconds are left until a moment, counted down. */
function useSecondsTo(until: number | null): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (until === null) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [until]);
  return until === null ? 0 : Math.max(0, Math.ceil((until - now) / 1_000));
}

const entries = (n: number) => `${n.toLocaleString('en-GB')} ${n === 1 ? 'entry' : 'entries'}`;

/** How long it is said that a broken line was made up for, in milliseconds. */
const mendedFor = 20_000;

/** Whether what is shown is the latest, and if not what is done about it. */
export function LineState({ status, paused }: { status: LiveStatus; paused: boolean }) {
  const seconds = useSecondsTo(status.at === 'waiting' ? status.until : null);
  const [mended, setMended] = useState(0);
  const caughtUp = status.at === 'live' ? status.caughtUp : 0;
  useEffect(() => {
    setMended(caughtUp);
    if (caughtUp === 0) return;
    const timer = setTimeout(() => setMended(0), mendedFor);
    return () => clearTimeout(timer);
  }, [status, caughtUp]);
  const [color, word] = shown(status, paused);
  return (
    <Group gap="xs">
      {/* What counts down is for the eyes: read out at each step it would drown everything else. */}
      <span role="status">
        <Badge variant="light" color={color}>
          {word}
        </Badge>
        {mended > 0 && (
          <Text component="span" size="sm" ml="xs">
            caught up {entries(mended)}
          </Text>
        )}
        {status.at === 'catching-up' && (
          <Text component="span" size="sm" ml="xs">
            {entries(status.missed)} were missed
          </Text>
        )}
      </span>
      {status.at === 'behind' && (
        <Text component="span" size="sm">
          {entries(status.by)} behind
        </Text>
      )}
      {status.at === 'waiting' && (
        <>
          <Text component="span" size="sm">
            in {seconds} s
          </Text>
          <Button size="compact-xs" variant="default" onClick={tryNow}>
            Try now
          </Button>
        </>
      )}
    </Group>
  );
}

function shown(status: LiveStatus, paused: boolean): [color: string, word: string] {
  switch (status.at) {
    case 'connecting':
      return ['gray', 'Connecting…'];
    case 'catching-up':
    case 'behind':
      return ['yellow', 'Catching up…'];
    case 'waiting':
      return ['yellow', 'Reconnecting'];
    case 'ended':
      return ['red', 'Ended'];
    case 'live':
      return paused ? ['gray', 'Paused'] : ['green', 'Live'];
  }
}
