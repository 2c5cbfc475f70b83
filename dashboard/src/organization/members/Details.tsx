// One member with all that the viewer may see, and what the viewer may do.
import { Group, Text } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';

import { failure } from '../../api/error';
import { change } from '../../api/client';
import { LeaveOrganizationDocument, MemberDetailsDocument, RemoveMemberDocument } from '../../gql';
import { Confirm } from '../../parts/Dialog';
import { useFresh } from '../../parts/StepUp';
import { told } from '../../parts/told';
import { Alert, Button } from '../../parts/ui';
import { useAccount } from '../../shell/SignedIn';
import { agoName, momentName, roleName } from '../../words';
import { useLiveQuery } from '../feed';
import { useOrganization } from '../Organization';
import { ResetDialog, RoleDialog, TeamsDialog } from './dialogs';
import { mayWith } from './may';
import { Delivery, StatusBadge, TwoFactorBadge } from './parts';
import { Resend } from './Resend';
import { called, type MemberDetails } from './types';

interface DetailsProps {
  id: string;
  close: () => void;
}

export function Details({ id, close }: DetailsProps) {
  const { organization, may } = useOrganization();
  const [{ data, error, stale, fetching }] = useLiveQuery({ query: MemberDetailsDocument, variables: { slug: organization.slug, id } }, (entry) => entry.targetId === id || entry.action.startsWith('sso.'));
  const failed = failure(error);
  const member = failed?.code === 'NOT_FOUND' ? null : (data?.organization?.member ?? null);
  if (failed?.code === 'NOT_FOUND' && !stale) return <p role="status">There is no such member here (any more).</p>;
  if (member === null) return fetching ? <p role="status">Loading…</p> : <Alert error={failed} />;
  const manages = may('MANAGER');
  return (
    <>
      <h3 className="member-name">{called(member)}</h3>
      <Group gap="xs">
        <StatusBadge status={member.status} />
        {member.twoFactor !== null && <TwoFactorBadge member={member} />}
      </Group>
      <dl className="facts">
        {member.email !== null && <Fact name="Email">{member.email}</Fact>}
        <Fact name="Role">{roleName(member.role)}</Fact>
        {may('ADMIN') && <Fact name="Teams">{(member.teams ?? []).map(({ name }) => name).join(', ') || 'None'}</Fact>}
        {manages && member.status === 'ACTIVE' && (
          <Fact name="Last seen">{member.lastSeenAt === null ? 'Not yet' : `${agoName(member.lastSeenAt)} (${momentName(member.lastSeenAt)})`}</Fact>
        )}
        {member.linked === true && <Fact name="Single sign-on">The organization’s provider signs them in</Fact>}
        {member.isOnlyOwner === true && <Fact name="Only owner">Nobody else here could take over: make somebody else an owner too</Fact>}
        {member.invitedBy !== null && <Fact name="Invited by">{member.invitedBy.name}</Fact>}
        {member.removedAt !== null && <Fact name="Removed for 2FA">{momentName(member.removedAt)}</Fact>}
        {member.reinstatableUntil !== null && <Fact name="Can return until">{momentName(member.reinstatableUntil)}, with role, teams and settings as they were</Fact>}
        {member.inviteExpiresAt !== null && <Fact name="Link ends">{momentName(member.inviteExpiresAt)}</Fact>}
        {manages && member.status === 'INVITED' && member.inviteExpiresAt === null && (
          <Fact name="Link">Works no more: whoever sent it may not invite any more. Resend the mail if they are still to join.</Fact>
        )}
        {manages && member.status !== 'ACTIVE' && (
          <Fact name="Mail">
            <Delivery state={member.inviteDelivery} />
          </Fact>
        )}
      </dl>
      <Actions member={member} close={close} />
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

type Asked = 'role' | 'teams' | 'remove' | 'reset' | 'leave' | null;

function Actions({ member, close }: { member: MemberDetails; close: () => void }) {
  const { organization, member: viewer } = useOrganization();
  const { reload } = useAccount();
  const fresh = useFresh();
  const navigate = useNavigate();
  const [asked, ask] = useState<Asked>(null);
  const may = mayWith(viewer, member);
  const never = () => ask(null);
  const who = called(member);
  if (!Object.values(may).includes(true)) return <Text c="dimmed">You cannot change anything about this member.</Text>;

  const remove = async () => {
    await fresh(`remove ${who} from ${organization.name}`, () => change(RemoveMemberDocument, { memberId: member.id }));
    told(member.status === 'INVITED' ? `The invitation of ${who} is withdrawn.` : `${who} is removed from ${organization.name}.`);
    close();
  };
  const leave = async () => {
    await fresh(`leave ${organization.name}`, () => change(LeaveOrganizationDocument, { organizationId: organization.id }));
    told(`You have left ${organization.name}.`);
    await navigate({ to: '/organizations' });
    reload();
  };
  return (
    <>
      <h3>What you can do</h3>
      <div className="member-actions">
        {may.changeRole && (
          <Button secondary onClick={() => ask('role')}>
            Change role
          </Button>
        )}
        {may.setTeams && (
          <Button secondary onClick={() => ask('teams')}>
            Set teams
          </Button>
        )}
        {may.resend && <Resend member={member} />}
        {may.reset && (
          <Button secondary onClick={() => ask('reset')}>
            Reset second factor
          </Button>
        )}
        {may.remove && (
          <Button variant="light" color="red" onClick={() => ask('remove')}>
            {member.status === 'INVITED' ? 'Withdraw the invitation' : 'Remove'}
          </Button>
        )}
        {may.leave && (
          <Button variant="light" color="red" onClick={() => ask('leave')}>
            Leave the organization
          </Button>
        )}
      </div>
      <RoleDialog member={member} roles={may.roles} opened={asked === 'role'} onClose={never} />
      <TeamsDialog member={member} opened={asked === 'teams'} onClose={never} />
      <ResetDialog member={member} opened={asked === 'reset'} onClose={never} />
      <Confirm
        title={member.status === 'INVITED' ? 'Withdraw this invitation?' : `Remove ${who}?`}
        opened={asked === 'remove'}
        onClose={never}
        action={member.status === 'INVITED' ? 'Withdraw the invitation' : 'Remove'}
        progress="Removing…"
        run={remove}
      >
        {member.status === 'INVITED' && <p>The link that was mailed to {who} stops working at once.</p>}
        {member.status !== 'INVITED' && (
          <p>
            <strong>{who}</strong> loses {organization.name} at once: its projects, notifications and every API token’s access to
            it. This is for good: role, teams and settings are not kept, and only a new invitation brings them back.
          </p>
        )}
      </Confirm>
      <Confirm title={`Leave ${organization.name}?`} opened={asked === 'leave'} onClose={never} action="Leave" progress="Leaving…" run={leave}>
        <p>
          You lose {organization.name} at once: its projects, notifications and your API tokens’ access to it. Your role, teams
          and settings are not kept; only a new invitation brings you back. Your account stays.
        </p>
      </Confirm>
    </>
  );
}

