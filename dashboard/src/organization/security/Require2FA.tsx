// The switch, and the dialogs that stand before it.
import { Alert as Notice, Badge, Group, Switch, Text } from '@mantine/core';
import { IconInfoCircle } from '@tabler/icons-react';
import { useEffect, useState } from 'react';

import { change } from '../../api/client';
import { SetRequire2FaDocument } from '../../gql';
import { Confirm } from '../../parts/Dialog';
import { useFresh } from '../../parts/StepUp';
import { useAccount } from '../../shell/SignedIn';
import { personName } from '../log/label';
import { useOrganization } from '../Organization';
import { Consequences } from './Impact';
import { Remind } from './Remind';
import { counted, type Impact, type Requirement } from './types';

interface SwitcherProps {
  settings: Requirement;
  refresh: () => void;
}

export function Switcher({ settings, refresh }: SwitcherProps) {
  const { organization, may } = useOrganization();
  const fresh = useFresh();
  // What is asked is decided by the click: it stays that question, whatever becomes of the requirement meanwhile.
  const [asking, ask] = useState<'on' | 'off' | null>(null);
  const never = () => ask(null);
  const other = useOther(asking !== null);
  const required = settings.require2FA === true;
  const owner = may('OWNER');
  const impact = settings.require2FAImpact;
  const lacks = impact?.refusal ?? null;
  const set = (to: boolean) => async () => {
    await fresh(`${to ? 'require' : 'no longer require'} two-factor authentication in ${organization.name}`, () =>
      change(SetRequire2FaDocument, { organizationId: organization.id, required: to }),
    );
    refresh();
  };
  return (
    <>
      <Group justify="space-between" align="start" gap="md" wrap="wrap-reverse">
        <Switch
          size="md"
          className="grows"
          classNames={{ label: 'switch-label' }}
          label="Require Two-Factor Authentication"
          description="Every member has to have it. Members without it lose access at once, are removed and mailed, and come back by setting it up."
          checked={required}
          disabled={!owner || lacks !== null}
          onChange={() => ask(required ? 'off' : 'on')}
        />
        <Badge role="status" variant="light" color={required ? 'green' : 'gray'} className="unshrinkable">
          {required ? 'Required' : 'Not required'}
        </Badge>
      </Group>
      {!owner && (
        <Text mt="sm" c="dimmed">
          Only owners can turn this on or off. You see what it does.
        </Text>
      )}
      {owner && lacks !== null && <Lacking why={lacks} />}
      {impact !== null && (
        <Confirm
          title="Require two-factor authentication?"
          size="lg"
          opened={asking === 'on'}
          onClose={never}
          overtaken={required ? `${other} turned it on meanwhile. Nothing is left to confirm.` : null}
          danger={impact.removedCount + impact.unmailableCount > 0}
          action={impact.removedCount === 0 ? 'Require it' : `Require it and remove ${counted(impact.removedCount, 'member')}`}
          progress="Turning on…"
          run={set(true)}
        >
          <Consequences impact={impact} />
          {impact.removedCount > 0 && <Remind impact={impact} refresh={refresh} />}
        </Confirm>
      )}
      <Confirm
        title="No longer require two-factor authentication?"
        opened={asking === 'off'}
        onClose={never}
        overtaken={required ? null : `${other} turned it off meanwhile. Nothing is left to confirm.`}
        action="Turn it off"
        progress="Turning off…"
        run={set(false)}
      >
        <p>Members may be without it again, and their accounts are easier to take over.</p>
        <p>
          <strong>Nobody is reinstated by this, and nobody is mailed.</strong> Whoever was removed comes back by the link in their
          mail, as long as it holds: you can resend it from the list “Removed for 2FA”.
        </p>
      </Confirm>
    </>
  );
}

/** Who has turned the requirement on or off while a dialog asks about it: somebody else, or the viewer, whose own answer was lost. */
function useOther(asking: boolean): string {
  const { feed } = useOrganization();
  const { account } = useAccount();
  const [who, setWho] = useState<string | null>(null);
  useEffect(() => {
    if (!asking) return;
    setWho(null);
    return feed.onEntry(({ action, message, actorId, actorLabel }) => {
      if (action === 'org.edit' && message.includes('two-factor authentication')) setWho(actorId === account.id ? 'You have' : `${personName(actorLabel)} has`);
    });
  }, [asking, feed, account.id]);
  return who ?? 'Somebody has';
}

/** Why the requirement cannot be turned on, in the server's words, and where to go. */
function Lacking({ why: { code, message } }: { why: NonNullable<Impact['refusal']> }) {
  return (
    <Notice variant="light" color="yellow" role="presentation" mt="md" icon={<IconInfoCircle aria-hidden />} title="Something is in the way">
      <p>{message}</p>
      {code === 'TWO_FACTOR_REQUIRED' && (
        <p>
          <a href="/account/security">Set up two-factor authentication for your account</a>
        </p>
      )}
    </Notice>
  );
}
