import { Checkbox, NativeSelect } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { Dialog } from '../parts/Dialog';
import { Alert, Button, CopyButton, Field, useAction } from '../parts/ui';
import { scopes } from './scopes';

export interface TokenInput {
  name: string;
  scopes: string[];
  expiresAt: string;
}

interface NewTokenProps {
  title: string;
  opened: boolean;
  onClose: () => void;
  /** Makes the token and gives it: the only time that it is shown. */
  create: (input: TokenInput) => Promise<string>;
  created: () => void;
}

const lives = [
  { value: '7', label: '7 days' },
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '364', label: 'A year' },
];

const day = 86_400_000;

/** A new API token: what it is called, what it may do, and until when; then the token itself, once. */
export function NewToken({ title, opened, onClose, create, created }: NewTokenProps) {
  const [token, setToken] = useState<{ name: string; secret: string } | null>(null);
  const close = () => {
    setToken(null);
    onClose();
  };
  return (
    <Dialog title={title} opened={opened} onClose={close} firm={token !== null}>
      {token === null ? (
        <TokenForm
          make={async (input) => {
            setToken({ name: input.name, secret: await create(input) });
            created();
          }}
        />
      ) : (
        <>
          <p role="status">
            Your token <strong>{token.name}</strong> is made. Copy it now: it cannot be shown again.
          </p>
          <div className="secret">
            <code>{token.secret}</code>
          </div>
          <div className="actions">
            <CopyButton text={token.secret}>Copy</CopyButton>
            <Button onClick={close}>Done</Button>
          </div>
        </>
      )}
    </Dialog>
  );
}

function TokenForm({ make }: { make: (input: TokenInput) => Promise<void> }) {
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState<string[]>([]);
  const [life, setLife] = useState('90');
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(() => make({ name, scopes: chosen, expiresAt: new Date(Date.now() + Number(life) * day).toISOString() }));
  };
  return (
    <form onSubmit={submit}>
      <Field
        label="Name"
        name="name"
        hint="What it is for, for example Nightly report."
        maxLength={60}
        required
        data-autofocus
        value={name}
        onValue={setName}
        error={error}
      />
      <Checkbox.Group label="What it may do" description="Never more than you may yourself." mb="md" value={chosen} onChange={setChosen}>
        {scopes.map(({ scope, says }) => (
          <Checkbox key={scope} value={scope} mt="xs" label={says} description={scope} />
        ))}
      </Checkbox.Group>
      <NativeSelect label="Works for" mb="md" data={lives} value={life} onChange={(event) => setLife(event.currentTarget.value)} />
      <Alert error={error} />
      <Button type="submit" busy={busy} progress="Making it…">
        Make token
      </Button>
    </form>
  );
}
