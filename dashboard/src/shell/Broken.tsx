import { Anchor, Group } from '@mantine/core';
import type { ErrorComponentProps } from '@tanstack/react-router';
import { useEffect, useState } from 'react';

import { Page } from '../parts/Page';
import { Button, Title } from '../parts/ui';

/** A fault of the page itself. What was done is on the server; nothing is lost by loading the page again. */
export function Broken({ error }: ErrorComponentProps) {
  return (
    <Page>
      <Title>This page has a fault</Title>
      <p>Nothing that you have done is lost. Load the page again; where that does not help, tell whoever runs this server:</p>
      <p>
        <code>{error instanceof Error ? error.message : String(error)}</code>
      </p>
      <Button onClick={() => window.location.reload()}>Load again</Button>
    </Page>
  );
}

interface NotLoadedProps {
  /** Tries once more. */
  again: () => Promise<void>;
}

/** A screen's code does not come: no network, or a server that was renewed since the page was opened and has it under another name. */
export function NotLoaded({ again }: NotLoadedProps) {
  const [busy, setBusy] = useState(false);
  const retry = async () => {
    setBusy(true);
    await again();
    setBusy(false);
  };
  useEffect(() => {
    const online = () => void again();
    window.addEventListener('online', online);
    return () => window.removeEventListener('online', online);
  }, [again]);
  return (
    <>
      <Title>This screen could not be loaded</Title>
      <p>Check your connection and try again. Nothing that you have done is lost.</p>
      <p>Where that does not help, Muster has been renewed since you opened this page: load the page again.</p>
      <Group>
        <Button busy={busy} progress="Trying…" onClick={() => void retry()}>
          Try again
        </Button>
        <Button secondary onClick={() => window.location.reload()}>
          Load the page again
        </Button>
      </Group>
    </>
  );
}

/** An address that leads nowhere. */
export function NotFound() {
  return (
    <Page>
      <Title>There is no such page</Title>
      <p>The address may be mistyped, or what it named is gone.</p>
      <Group>
        <Anchor href="/">Go to the start</Anchor>
      </Group>
    </Page>
  );
}
