import { Anchor, Group } from '@mantine/core';
import type { ErrorComponentProps } from '@tanstack/react-router';

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
