import { IconDeviceMobile, IconKey, IconMessage, IconPlus } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';

import { change } from '../api/client';
import { type AuthenticatorKind, RemoveAuthenticatorDocument, RenameAuthenticatorDocument } from '../gql';
import { Confirm, Dialog } from '../parts/Dialog';
import { RoutedButton } from '../parts/RoutedButton';
import { useFresh } from '../parts/StepUp';
import { told } from '../parts/told';
import { Alert, Button, Field, useAction } from '../parts/ui';
import { agoName, dayName, kindName } from '../words';
import type { PartProps, Protected } from './Security';

type Authenticator = NonNullable<Protected['authenticators']>[number];

const icons = { TOTP: IconDeviceMobile, SECURITY_KEY: IconKey, PHONE: IconMessage };

interface AuthenticatorsProps extends PartProps {
  /** What can be set up on this server. */
  kinds: AuthenticatorKind[];
}

/** The account's second factors, each to be renamed, replaced or removed, and the way to another one. */
export function Authenticators({ account, kinds, changed }: AuthenticatorsProps) {
  const [renaming, setRenaming] = useState<Authenticator | null>(null);
  const [removing, setRemoving] = useState<Authenticator | null>(null);
  const fresh = useFresh();
  const authenticators = account.authenticators ?? [];
  const has = (kind: AuthenticatorKind) => authenticators.some((one) => one.kind === kind);
  const advice =
    authenticators.length === 0
      ? 'Your account has no second factor: whoever learns your password is in. Some organizations let only members with one in.'
      : authenticators.length === 1
        ? 'You have one way in. Add a second one, so that you are not locked out when you lose it.'
        : null;
  return (
    <>
      {advice !== null && <p>{advice}</p>}
      {authenticators.length > 0 && (
        <ul className="cards" aria-label="Your authenticators">
          {authenticators.map((one) => (
            <Row key={one.id} authenticator={one} rename={() => setRenaming(one)} remove={() => setRemoving(one)} />
          ))}
        </ul>
      )}
      <div className="actions">
        <RoutedButton to="/account/security/add" leftSection={<IconPlus size={16} aria-hidden />}>
          {authenticators.length === 0 ? 'Set up two-factor authentication' : 'Add an authenticator'}
        </RoutedButton>
        {authenticators.length > 0 && !has('PHONE') && kinds.includes('PHONE') && (
          <RoutedButton to="/account/security/add" search={{ kind: 'phone' }} variant="default">
            Add a backup phone
          </RoutedButton>
        )}
      </div>
      {renaming !== null && <Rename authenticator={renaming} changed={changed} close={() => setRenaming(null)} />}
      {removing !== null && (
        <Confirm
          opened
          title={`Remove ${removing.name}?`}
          action="Remove"
          progress="Removing…"
          onClose={() => setRemoving(null)}
          run={async () => {
            await fresh(`remove ${removing.name}`, () => change(RemoveAuthenticatorDocument, { authenticatorId: removing.id }));
            told(`${removing.name} is removed.`);
            changed();
          }}
        >
          <p>
            {kindName(removing.kind)} “{removing.name}” does not get you in any more. Your other sessions end.
            {authenticators.length === 1 &&
              ' It is your only one: after this your password alone gets you in, your recovery codes are gone, and your API tokens end.'}
          </p>
        </Confirm>
      )}
    </>
  );
}

function Row({ authenticator, rename, remove }: { authenticator: Authenticator; rename: () => void; remove: () => void }) {
  const { id, kind, name, createdAt, lastUsedAt } = authenticator;
  const Icon = icons[kind];
  return (
    <li>
      <div className="named">
        <Icon size={20} aria-hidden />
        <div>
          <p className="card-name">{name}</p>
          <p className="card-facts">
            {name !== kindName(kind) && `${kindName(kind)}, `}
            {name === kindName(kind) ? 'Added' : 'added'} {dayName(createdAt)},{' '}
            {lastUsedAt === null ? 'never used' : `last used ${agoName(lastUsedAt)}`}
          </p>
        </div>
      </div>
      <div className="row-actions">
        {kind === 'TOTP' && (
          <RoutedButton
            to="/account/security/add"
            search={{ kind: 'app', replaces: id }}
            variant="default"
            size="xs"
            aria-label={`Replace ${name}`}
          >
            Replace
          </RoutedButton>
        )}
        <Button secondary size="xs" aria-label={`Rename ${name}`} onClick={rename}>
          Rename
        </Button>
        <Button secondary size="xs" aria-label={`Remove ${name}`} onClick={remove}>
          Remove
        </Button>
      </div>
    </li>
  );
}

function Rename({ authenticator, changed, close }: { authenticator: Authenticator; changed: () => void; close: () => void }) {
  const fresh = useFresh();
  const [name, setName] = useState(authenticator.name);
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      await fresh(`rename ${authenticator.name}`, () => change(RenameAuthenticatorDocument, { authenticatorId: authenticator.id, name }));
      changed();
      close();
    });
  };
  return (
    <Dialog opened onClose={close} title={`Rename ${authenticator.name}`}>
      <form onSubmit={submit}>
        <Field label="Name" name="name" maxLength={60} required data-autofocus value={name} onValue={setName} error={error} />
        <Alert error={error} />
        <Button type="submit" busy={busy} progress="Saving…">
          Save
        </Button>
      </form>
    </Dialog>
  );
}
