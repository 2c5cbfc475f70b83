// What lies over a screen: a dialog that asks for something, one that says what is about to happen and to whom, and details
// at the side.
import { Drawer, Group, Modal, type ModalProps } from '@mantine/core';
import { type ReactNode, useRef } from 'react';

import { useEscape } from './escape';
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
  const close = firm ? () => undefined : onClose;
  useEscape(opened, close);
  return (
    <Modal opened={opened} onClose={close} withCloseButton={!firm} title={title} size={size} classNames={{ title: 'dialog-title' }}>
      {opened && children}
    </Modal>
  );
}

/** Details beside the list that they are of. */
export function Side({ title, opened, onClose, size = 'md', children }: Omit<DialogProps, 'firm'>) {
  useEscape(opened, onClose);
  return (
    <Drawer opened={opened} onClose={onClose} title={title} size={size} position="right" classNames={{ title: 'dialog-title' }}>
      {opened && children}
    </Drawer>
  );
}

interface ConfirmProps extends Omit<DialogProps, 'children' | 'firm'> {
  /** What will happen, and to whom. */
  children: ReactNode;
  /** The button that makes it happen, as a verb with its object, and what it says meanwhile. */
  action: string;
  progress: string;
  /** Whether it takes something away. */
  danger?: boolean;
  /** Why there is nothing to confirm any more, where somebody else was quicker. */
  overtaken?: ReactNode;
  /** Makes it happen. The dialog closes when it has, and shows the server's words when it is refused. */
  run: () => Promise<void>;
}

/** Asks before something is done that cannot simply be undone. What has been confirmed is waited for: its answer is read here. */
export function Confirm({ children, action, progress, danger = true, overtaken = null, run, onClose, ...dialog }: ConfirmProps) {
  const { busy, error, run: act, forget } = useAction();
  const close = () => {
    forget();
    onClose();
  };
  const confirm = () =>
    void act(async () => {
      await run();
      onClose();
    });
  // What has just been done may be seen before its answer arrives: what was confirmed stays as it was read, and is no news.
  const read = useRef(children);
  if (!busy) read.current = children;
  const late = overtaken !== null && !busy;
  return (
    <Dialog {...dialog} onClose={() => busy || close()}>
      {late ? <p role="status">{overtaken}</p> : read.current}
      <Alert error={late ? null : error} />
      <Group mt="md">
        {!late && (
          <Button {...(danger ? { color: 'red' } : {})} busy={busy} progress={progress} onClick={confirm}>
            {action}
          </Button>
        )}
        {/* The keyboard starts on the safe button. */}
        <Button secondary data-autofocus busy={busy} onClick={close}>
          {late ? 'Close' : 'Cancel'}
        </Button>
      </Group>
    </Dialog>
  );
}
