// Dialogs: one that asks for something, and one that says what is about to happen and to whom.
import { Group, Modal, type ModalProps } from '@mantine/core';
import type { ReactNode } from 'react';

import { Alert, Button, useAction } from './ui';

interface DialogProps {
  title: string;
  opened: boolean;
  onClose: () => void;
  size?: ModalProps['size'];
  /** Whether it shows what is nowhere else: then only its own button closes it. */
  firm?: boolean;
  children: ReactNode;
}

/** A dialog. Its content is made anew each time that it opens, so that nothing of an earlier try is left in it. */
export function Dialog({ title, opened, onClose, size = 'md', firm = false, children }: DialogProps) {
  return (
    <Modal
      opened={opened}
      onClose={firm ? () => undefined : onClose}
      withCloseButton={!firm}
      title={title}
      size={size}
      classNames={{ title: 'dialog-title' }}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {opened && children}
    </Modal>
  );
}

interface ConfirmProps extends Omit<DialogProps, 'children'> {
  /** What will happen, and to whom. */
  children: ReactNode;
  /** The button that makes it happen, as a verb with its object, and what it says meanwhile. */
  action: string;
  progress: string;
  /** Whether it takes something away. */
  danger?: boolean;
  /** Makes it happen. The dialog closes when it has, and shows the server's words when it is refused. */
  run: () => Promise<void>;
}

/** Asks before something is done that cannot simply be undone. */
export function Confirm({ children, action, progress, danger = true, run, ...dialog }: ConfirmProps) {
  const { busy, error, run: act } = useAction();
  const confirm = () =>
    void act(async () => {
      await run();
      dialog.onClose();
    });
  return (
    <Dialog {...dialog}>
      {children}
      <Alert error={error} />
      <Group mt="md">
        <Button {...(danger ? { color: 'red' } : {})} busy={busy} progress={progress} onClick={confirm}>
          {action}
        </Button>
        {/* The keyboard starts on the safe button. */}
        <Button secondary data-autofocus onClick={dialog.onClose}>
          Cancel
        </Button>
      </Group>
    </Dialog>
  );
}
