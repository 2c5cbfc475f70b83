import { Button } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { ComponentProps } from 'react';

/** A link to another screen of the app that looks like a button. */
export const RoutedButton = createLink((props: ComponentProps<typeof Button<'a'>>) => <Button component="a" {...props} />);
