import { Alert as Notice, Checkbox, Fieldset } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { change } from '../../api/client';
import { ConnectSsoDocument, DisconnectSsoDocument } from '../../gql';
import { Confirm, Dialog } from '../../parts/Dialog';
import { useFresh } from '../../parts/StepUp';
import { told } from '../../parts/told';
import { Alert, Button, CopyButton, Field, useAction } from '../../parts/ui';
import { dayName } from '../../words';
import { useOrganization } from '../Organization';
import type { Requirement } from './types';

interface SingleSignOnProps {
  settings: Requirement;
  refresh: () => void;
}

export function SingleSignOn({ settings: { sso, require2FA }, refresh }: SingleSignOnProps) {
  const { organization, may } = useOrganization();
  const fresh = useFresh();
  const [asked, ask] = useState<'connect' | 'disconnect' | null>(null);
  const never = () => ask(null);
  const owner = may('OWNER');
  const required = require2FA === true;
  const disconnect = async () => {
    await fresh(`disconnect the provider of ${organization.name}`, () => change(DisconnectSsoDocument, { organizationId: organization.id }));
    told('Single sign-on is disconnected.');
    refresh();
  };
  return (
    <>
      {sso === null && <p>Members can sign in through your own provider (OpenID Connect): no provider is connected.</p>}
      {sso !== null && (
        <>
          <dl className="facts">
            <dt>Provider</dt>
            <dd>{sso.issuer}</dd>
            <dt>Client id</dt>
            <dd>{sso.clientId}</dd>
            <dt>Its second factor</dt>
            <dd>{sso.trustSecondFactor ? 'Trusted: members whom it signs in meet the requirement' : 'Not trusted'}</dd>
            <dt>Lets in</dt>
            <dd>{letsIn(sso)}</dd>
            <dt>Connected</dt>
            <dd>{dayName(sso.createdAt)}</dd>
            <dt>Members sign in at</dt>
            <dd>{sso.signInURL}</dd>
          </dl>
          <p>
            <CopyButton text={sso.signInURL}>Copy the address</CopyButton>
          </p>
          <p className="hint">
            It may be put into a bookmark or a company’s portal. Members with an account of their own link it once at the same
            address with <code>?link=1</code>.
          </p>
        </>
      )}
      {owner && required && (
        <Notice variant="light" color="blue" role="presentation" mb="md">
          {sso === null
            ? 'While two-factor authentication is required, only a provider whose second factor is trusted can be connected.'
            : 'While two-factor authentication is required, the provider can neither be disconnected nor exchanged for another: its members would lose their second factor. Turn the requirement off first.'}
        </Notice>
      )}
      {owner && (
        <div className="actions">
          <Button secondary onClick={() => ask('connect')}>
            {sso === null ? 'Connect a provider' : 'Change the connection'}
          </Button>
          {sso !== null && !required && (
            <Button variant="light" color="red" onClick={() => ask('disconnect')}>
              Disconnect
            </Button>
          )}
        </div>
      )}
      <Dialog title={sso === null ? 'Connect a provider' : 'Change the connection'} size="lg" opened={asked === 'connect'} onClose={never}>
        <Connect
          sso={sso}
          required={required}
          done={() => {
            never();
            refresh();
          }}
        />
      </Dialog>
      <Confirm title="Disconnect single sign-on?" opened={asked === 'disconnect'} onClose={never} action="Disconnect" progress="Disconnecting…" run={disconnect}>
        <p>
          The sessions that began at {sso?.issuer ?? 'the provider'} end at once. Members who have always signed in there need a
          password of their own: they get one by “Forgot your password?” on the sign-in page.
        </p>
      </Confirm>
    </>
  );
}

type Connection = Pick<NonNullable<Requirement['sso']>, 'issuer' | 'clientId' | 'allowedDomains' | 'requiredClaim'>;

function letsIn({ allowedDomains, requiredClaim }: Connection) {
  const parts = [];
  if (allowedDomains.length > 0) parts.push(`accounts of ${allowedDomains.join(', ')}`);
  if (requiredClaim !== null) parts.push(`accounts with the claim ${requiredClaim.name} = ${requiredClaim.value}`);
  return parts.length > 0 ? `Only ${parts.join(', and of these ')}` : 'Everybody whom the provider names';
}

/** Whether the sessions of the connection of now end with the next one, as the server decides it. */
function ends(now: Connection, next: Connection) {
  const kept = ({ issuer, clientId, allowedDomains, requiredClaim }: Connection) =>
    JSON.stringify([issuer, clientId, allowedDomains.map((domain) => domain.replace(/^@/, '').toLowerCase()), requiredClaim && [requiredClaim.name, requiredClaim.value]]);
  return kept(now) !== kept(next);
}

function Connect({ sso, required, done }: { sso: Requirement['sso']; required: boolean; done: () => void }) {
  const { organization } = useOrganization();
  const fresh = useFresh();
  const [issuer, setIssuer] = useState(sso?.issuer ?? '');
  const [clientId, setClientId] = useState(sso?.clientId ?? '');
  const [clientSecret, setClientSecret] = useState('');
  const [trustSecondFactor, setTrust] = useState(sso?.trustSecondFactor ?? required);
  const [domains, setDomains] = useState(sso?.allowedDomains.join(', ') ?? '');
  const [claimName, setClaimName] = useState(sso?.requiredClaim?.name ?? '');
  const [claimValue, setClaimValue] = useState(sso?.requiredClaim?.value ?? '');
  const { busy, error, run } = useAction();
  const allowedDomains = domains.split(/[\s,;]+/).filter(Boolean);
  const requiredClaim = claimName.trim() === '' && claimValue.trim() === '' ? null : { name: claimName.trim(), value: claimValue.trim() };
  const callback = new URL('/sso/callback', sso?.signInURL ?? window.location.origin).href;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      const connection = { issuer: issuer.trim(), clientId: clientId.trim(), clientSecret, trustSecondFactor, allowedDomains, requiredClaim };
      await fresh(`connect a provider to ${organization.name}`, () => change(ConnectSsoDocument, { organizationId: organization.id, ...connection }));
      told(`Single sign-on through ${connection.issuer} is connected.`);
      done();
    });
  };
  return (
    <form onSubmit={submit}>
      <p>
        Register Muster at your provider with this redirect address: <code>{callback}</code>
      </p>
      <Field label="Issuer" name="issuer" type="url" hint="The provider’s https address, for example https://login.example.com" required maxLength={512} data-autofocus value={issuer} onValue={setIssuer} error={error} />
      <Field label="Client id" name="clientId" required maxLength={200} autoComplete="off" value={clientId} onValue={setClientId} error={error} />
      <Field label="Client secret" name="clientSecret" type="password" hint="Stored sealed and never shown again." required maxLength={1000} autoComplete="off" value={clientSecret} onValue={setClientSecret} error={error} />
      <Checkbox
        label="Trust its second factor"
        description="When the provider says that somebody used a second factor, that counts here as two-factor authentication. Choose it only if your provider asks everybody for one."
        mb="md"
        checked={trustSecondFactor}
        onChange={({ currentTarget }) => setTrust(currentTarget.checked)}
      />
      <Field label="Only accounts of these domains" name="allowedDomains" hint="For example example.com. Empty: everybody whom the provider names becomes a member. Needed where everybody can have an account, as at Google." autoComplete="off" value={domains} onValue={setDomains} error={error} />
      <Fieldset legend="Only accounts with a claim (optional)" mb="md">
        <p className="hint">What the provider’s ID token says of your people and of nobody else, for example groups and staff.</p>
        <Field label="Claim" name="requiredClaim" maxLength={200} autoComplete="off" value={claimName} onValue={setClaimName} error={error} />
        <Field label="Its value" name="claimValue" maxLength={200} autoComplete="off" value={claimValue} onValue={setClaimValue} error={null} />
      </Fieldset>
      {sso !== null && ends(sso, { issuer: issuer.trim(), clientId: clientId.trim(), allowedDomains, requiredClaim }) && <p>The sessions that began at the provider before end with this.</p>}
      <Alert error={error} />
      <Button type="submit" busy={busy} progress="Connecting…">
        Connect
      </Button>
    </form>
  );
}
