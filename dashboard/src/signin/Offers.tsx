import { Anchor, Divider, Group } from '@mantine/core';

import { offers } from '../offers';

/** What this server has for whoever is not signed in. */
export function Offers() {
  return (
    <>
      <Divider my="lg" />
      <Group gap="lg">
        {offers.playground && <Anchor href="/playground">Playground</Anchor>}
        {offers.mailbox && <Anchor href="/mailbox/">Mailbox</Anchor>}
        <Anchor href="/licenses">Licenses</Anchor>
      </Group>
    </>
  );
}
