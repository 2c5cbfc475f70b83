// The small parts that every screen is made of.
import { Alert as MantineAlert, Button as MantineButton, type ButtonProps as MantineButtonProps, PasswordInput, TextInput, Title as MantineTitle } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconAlertCircle } from '@tabler/icons-react';
import { type ComponentProps, type ReactNode, useCallback, useEffect, useRef, useState } from 'react';

import { ApiError, Cancelled } from '../api/error';

/** Runs one request at a time, and keeps whether it runs and how it failed. */
export function useAction() {
  const running = useRef(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const run = useCallback(async (action: () => Promise<void>) => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setError(null);
    try {
      await action();
    } catch (reason) {
      if (reason instanceof Cancelled) return;
      if (!(reason instanceof ApiError)) throw reason;
      setError(reason);
    } finally {
      running.current = false;
      setBusy(false);
    }
  }, []);
  /** Takes back how it failed: whoever begins anew is not to read of an earlier try. */
  const forget = useCallback(() => setError(null), []);
  return { busy, error, run, forget };
}

/** The heading of a step or screen. It takes the focus, so that a keyboard or a screen reader starts where the new one starts. */
export function Title({ children }: { children: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
    document.title = `${children} · Muster`;
  }, [children]);
  return (
    <MantineTitle order={1} ref={heading} tabIndex={-1} className="title">
      {children}
    </MantineTitle>
  );
}

/** How a request failed, in the server's words, read out at once. */
export function Alert({ error, children }: { error: ApiError | null; children?: ReactNode }) {
  const place = useRef<HTMLDivElement>(null);
  // A long form in a dialog would keep below its edge why it was refused.
  useEffect(() => {
    if (error !== null) place.current?.scrollIntoView({ block: 'nearest' });
  }, [error]);
  // Not taken away while it is empty: a live region that appears together with its text is not read out everywhere.
  return (
    <div ref={place} role="alert" className="alert-place">
      {error !== null && (
        <MantineAlert role="presentation" color="red" variant="light" icon={<IconAlertCircle aria-hidden />} mb="md">
          <p>{error.message}</p>
          {children}
        </MantineAlert>
      )}
    </div>
  );
}

interface FieldProps extends Omit<ComponentProps<'input'>, 'id' | 'value' | 'onChange' | 'name' | 'size' | 'color'> {
  label: string;
  name: string;
  hint?: string;
  value: string;
  onValue: (value: string) => void;
  error: ApiError | null;
}

/** A labelled input; a password can be shown. */
export function Field({ label, name, hint, value, onValue, error, type = 'text', className, ...input }: FieldProps) {
  const wrong = error !== null && (error.field === name || error.field === `input.${name}`);
  const shared = {
    ...input,
    name,
    label,
    value,
    mb: 'md',
    withAsterisk: false,
    error: wrong,
    onChange: (event: { target: { value: string } }) => onValue(event.target.value),
    autoCapitalize: 'none',
    spellCheck: false,
    ...(hint === undefined ? {} : { description: hint, inputWrapperOrder: ['label', 'input', 'description', 'error'] as const }),
    ...(className === undefined ? {} : { classNames: { input: className } }),
  };
  if (type !== 'password') return <TextInput {...shared} type={type} inputWrapperOrder={['label', 'input', 'description', 'error']} />;
  return (
    <PasswordInput
      {...shared}
      inputWrapperOrder={['label', 'input', 'description', 'error']}
      visibilityToggleButtonProps={{ 'aria-label': `Show ${label.toLowerCase()}`, 'aria-hidden': false, tabIndex: 0 }}
    />
  );
}

/** Six digits from an app or a text message. Pasted spaces are dropped: apps show "123 456", the server takes digits. */
export function CodeField(props: Omit<FieldProps, 'name' | 'type'>) {
  return (
    <Field
      {...props}
      name="code"
      className="code"
      inputMode="numeric"
      autoComplete="one-time-code"
      pattern="[0-9]{6}"
      title="Six digits"
      required
      onPaste={(event) => {
        const text = event.clipboardData.getData('text').replace(/\s/g, '');
        if (!/^[0-9]{6}$/.test(text)) return;
        event.preventDefault();
        props.onValue(text);
      }}
      onValue={(value) => props.onValue(value.replace(/[^0-9]/g, '').slice(0, 6))}
    />
  );
}

interface ButtonProps extends Omit<MantineButtonProps, 'loading' | 'disabled'>, Omit<ComponentProps<'button'>, keyof MantineButtonProps | 'disabled'> {
  busy?: boolean;
  /** What it says while it is busy. */
  progress?: string;
  /** Of two buttons the less likely one. */
  secondary?: boolean;
}

/** A button that says what it is doing. It stays focusable meanwhile, so that the keyboard does not lose its place. */
export function Button({ busy = false, progress, secondary = false, children, onClick, type = 'button', ...rest }: ButtonProps) {
  return (
    <MantineButton
      variant={secondary ? 'default' : 'filled'}
      {...rest}
      type={type}
      aria-disabled={busy || undefined}
      aria-busy={busy || undefined}
      data-busy={busy || undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {busy && progress !== undefined ? progress : children}
    </MantineButton>
  );
}

/** Copies a text and says so; where the browser has no clipboard for this page it says what to do instead. */
export function CopyButton({ text, children }: { text: string; children: string }) {
  const clipboard = useClipboard({ timeout: 4_000 });
  return (
    <span className="copy">
      <Button secondary onClick={() => clipboard.copy(text)}>
        {children}
      </Button>
      <span role="status">
        {clipboard.error !== null && 'This browser does not let the page copy: select the text and copy it.'}
        {clipboard.copied && 'Copied'}
      </span>
    </span>
  );
}
