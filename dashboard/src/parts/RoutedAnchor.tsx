import { Anchor } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { ComponentProps } from 'react';

/** A link to another screen of the app, whose address the router checks. */
export const RoutedAnchor = createLink((props: ComponentProps<typeof Anchor<'a'>>) => <Anchor component="a" {...props} />);
