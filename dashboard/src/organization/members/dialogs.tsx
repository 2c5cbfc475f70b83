// The dialogs of a member's details.
import { Textarea } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { change } from '../../api/client';
import { ChangeMemberRoleDocument, ResetMemberTwoFactorDocument, type Role, SetMemberTeamsDocument } from '../../gql';
import { Dialog } from '../../parts/Dialog';
import { useDraft, useDraftSet } from '../../parts/draft';
import { useFresh } from '../../parts/StepUp';
import { told } from '../../parts/told';
import { Alert, Button, useAction } from '../../parts/ui';
import { dayName, hasRole, roleName } from '../../words';
import { useOrganization } from '../Organization';
import { useTeams } from '../useTeams';
import { RoleField, TeamsField } from './Invite';
import { called, type MemberDetails } from './types';

interface DialogProps {
  member: MemberDetails;
  opened: boolean;
  onClose: () => void;
}

export function RoleDialog({ member, roles, opened, onClose }: DialogProps & { roles: Role[] }) {
  return (
    <Dialog title={`Role of ${called(member)}`} opened={opened} onClose={onClose}>
      <ChangeRole member={member} roles={roles} done={onClose} />
    </Dialog>
  );
}

function ChangeRole({ member, roles, done }: { member: MemberDetails; roles: Role[]; done: () => void }) {
  const { member: viewer } = useOrganization();
  const fresh = useFresh();
  const { value: role, choose, changed } = useDraft(member.role);
  const [before] = useState(member.role);
  const { busy, error, run } = useAction();
  const own = viewer.id === member.id;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      if (changed) {
        await fresh(`make ${called(member)} ${roleName(role)}`, () => change(ChangeMemberRoleDocument, { memberId: member.id, role }));
        told(`The role of ${called(member)} is now ${roleName(role)}.`);
      }
      done();
    });
  };
  return (
    <form onSubmit={submit}>
      <RoleField roles={roles} value={role} onChange={choose} />
      {member.role !== before && <p role="status">Somebody has changed it to {roleName(member.role)} meanwhile.</p>}
      {own && !hasRole(role, viewer.role) && <p>This lowers your own role. You cannot raise it again yourself.</p>}
      {role === 'OWNER' && !own && member.role !== 'OWNER' && <p>An owner can do everything here, and can remove you.</p>}
      <Alert error={error} />
      <Button type="submit" busy={busy} progress="Saving…">
        Save the role
      </Button>
    </form>
  );
}

export function TeamsDialog({ member, opened, onClose }: DialogProps) {
  return (
    <Dialog title={`Teams of ${called(member)}`} opened={opened} onClose={onClose}>
      <SetTeams member={member} done={onClose} />
    </Dialog>
  );
}

function SetTeams({ member, done }: { member: MemberDetails; done: () => void }) {
  const teams = useTeams();
  const { value: teamIds, choose } = useDraftSet((member.teams ?? []).map(({ id }) => id));
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      await change(SetMemberTeamsDocument, { memberId: member.id, teamIds });
      told(`The teams of ${called(member)} are saved.`);
      done();
    });
  };
  return (
    <form onSubmit={submit}>
      <p>Members reach the projects of their own teams.</p>
      <TeamsField teams={teams} value={teamIds} onChange={choose} />
      <Alert error={error} />
      <Button type="submit" busy={busy} progress="Saving…">
        Save the teams
      </Button>
    </form>
  );
}

export function ResetDialog({ member, opened, onClose }: DialogProps) {
  return (
    <Dialog title={`Reset the second factor of ${called(member)}?`} opened={opened} onClose={onClose}>
      <Reset member={member} done={onClose} />
    </Dialog>
  );
}

function Reset({ member, done }: { member: MemberDetails; done: () => void }) {
  const { organization } = useOrganization();
  const fresh = useFresh();
  const [reason, setReason] = useState('');
  const { busy, error, run } = useAction();
  const who = called(member);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      const { reset } = await fresh(`reset the second factor of ${who}`, () => change(ResetMemberTwoFactorDocument, { memberId: member.id, reason: reason.trim() }));
      told(
        reset === null
          ? `The second factor of ${who} is reset.`
          : `${who} has been asked by mail. It takes effect once they confirm, or their other organizations agree, until ${dayName(reset.expiresAt)}.`,
      );
      done();
    });
  };
  return (
    <form onSubmit={submit}>
      <p>For somebody who has lost their phone or key, and their recovery codes. Make sure that it is really {who} who asks you.</p>
      <ul className="advice">
        <li>All their authenticators and recovery codes are removed, and they are signed out everywhere.</li>
        {organization.require2FA === true && <li>They are out of {organization.name} until they have set up a new one, by the link that is mailed to them.</li>}
        <li>Their password stays. You do not get into their account.</li>
        <li>If they belong to other organizations too, they or the owners there have to agree first, within 72 hours.</li>
      </ul>
      <Textarea
        label="Why"
        description="10 to 500 characters. The audit log keeps it, and they are told."
        minLength={10}
        maxLength={500}
        required
        withAsterisk={false}
        autosize
        minRows={2}
        mb="md"
        data-autofocus
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value.replace(/\n/g, ' '))}
      />
      <Alert error={error} />
      <Button type="submit" color="red" busy={busy} progress="Resetting…">
        Reset the second factor
      </Button>
    </form>
  );
}
