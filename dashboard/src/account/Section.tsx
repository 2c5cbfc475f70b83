import { Paper } from '@mantine/core';
import { type ReactNode, useId } from 'react';

/** A part of a screen under a heading of its own. */
export function Section({ title, children }: { title: string; children: ReactNode }) {
  const id = useId();
  return (
    <Paper component="section" withBorder radius="lg" p={{ base: 'md', sm: 'lg' }} mb="lg" aria-labelledby={id} className="section">
      <h2 id={id}>{title}</h2>
      {children}
    </Paper>
  );
}
