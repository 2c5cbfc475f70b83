import { Container, Paper } from '@mantine/core';
import type { ReactNode } from 'react';

import { Mark } from './Mark';

/** The frame of a page with one thing to do: signing in, and where the links of mails lead. */
export function Page({ children }: { children: ReactNode }) {
  return (
    <Container size={608} px="sm" py="lg" className="page">
      <header className="brand">
        <a href="/">
          <Mark />
          Muster
        </a>
      </header>
      <Paper component="main" withBorder radius="lg" p={{ base: 'lg', xs: 'xl' }}>
        {children}
      </Paper>
    </Container>
  );
}
