import { notifications } from '@mantine/notifications';

/** Tells that something has worked, where the screen does not show it by itself. */
export function told(message: string) {
  notifications.show({ message, role: 'status', color: 'green', autoClose: 6_000, closeButtonProps: { 'aria-label': 'Dismiss' } });
}
