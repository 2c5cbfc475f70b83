import { type ComponentProps, type ReactNode, useCallback, useEffect, useId, useRef, useState } from 'react';

import { ApiError } from './api';

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
      if (!(reason instanceof ApiError)) throw reason;
      setError(reason);
    } finally {
      running.current = false;
      setBusy(false);
    }
  }, []);
  return { busy, error, run };
}

/** The frame of every page. */
export function Page({ children }: { children: ReactNode }) {
  return (
    <>
      <header className="brand">
        <a href="/">
          <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
            <rect className="mark-ground" width="32" height="32" rx="7" />
            <circle className="mark-dot" cx="9" cy="10" r="2.6" />
            <circle className="mark-dot" cx="16" cy="10" r="2.6" />
            <circle className="mark-dot" cx="23" cy="10" r="2.6" />
            <path className="mark-tick" d="M8.5 19.5l5 5 10-9" />
          </svg>
          Muster
        </a>
      </header>
      <main>{children}</main>
    </>
  );
}

/** The heading of a step. It takes the focus, so that a keyboard or a screen reader starts where the new step starts. */
export function Title({ children }: { children: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
    document.title = `${children} · Muster`;
  }, [children]);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  );
}

/** How a request failed, in the server's words, read out at once. */
export function Alert({ error, children }: { error: ApiError | null; children?: ReactNode }) {
  return (
    <div role="alert" className={error === null ? 'alert-place' : 'alert'}>
      {error !== null && (
        <>
          <p>{error.message}</p>
          {children}
        </>
      )}
    </div>
  );
}

interface FieldProps extends Omit<ComponentProps<'input'>, 'id' | 'value' | 'onChange' | 'name'> {
  label: string;
  name: string;
  hint?: string;
  value: string;
  onValue: (value: string) => void;
  error: ApiError | null;
}

/** A labelled input; a password can be shown. */
export function Field({ label, name, hint, value, onValue, error, type = 'text', ...input }: FieldProps) {
  const id = useId();
  const [shown, setShown] = useState(false);
  const wrong = error !== null && (error.field === name || error.field === `input.${name}`);
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="control">
        <input
          {...input}
          id={id}
          name={name}
          type={type === 'password' && shown ? 'text' : type}
          value={value}
          onChange={(event) => onValue(event.target.value)}
          aria-describedby={hint === undefined ? undefined : `${id}-hint`}
          aria-invalid={wrong || undefined}
          autoCapitalize="none"
          spellCheck={false}
        />
        {type === 'password' && (
          <button
            type="button"
            className="in-field"
            aria-pressed={shown}
            aria-label={`Show ${label.toLowerCase()}`}
            onClick={() => setShown(!shown)}
          >
            {shown ? 'Hide' : 'Show'}
          </button>
        )}
      </div>
      {hint !== undefined && (
        <p id={`${id}-hint`} className="hint">
          {hint}
        </p>
      )}
    </div>
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

interface ButtonProps extends Omit<ComponentProps<'button'>, 'disabled'> {
  busy?: boolean;
  progress?: string;
}

/** A button that says what it is doing. It stays focusable meanwhile, so that the keyboard does not lose its place. */
export function Button({ busy = false, progress, children, className = 'primary', onClick, type = 'button', ...rest }: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      className={className}
      aria-disabled={busy || undefined}
      aria-busy={busy || undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {busy && progress !== undefined ? progress : children}
    </button>
  );
}

/** Copies a text and says so; where the browser has no clipboard for this page it says what to do instead. */
export function CopyButton({ text, children }: { text: string; children: string }) {
  const [said, setSaid] = useState('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('Copied');
    } catch {
      setSaid('This browser does not let the page copy: select the text and copy it.');
    }
  };
  return (
    <span className="copy">
      <Button className="secondary" onClick={() => void copy()}>
        {children}
      </Button>
      <span role="status">{said}</span>
    </span>
  );
}
