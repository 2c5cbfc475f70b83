import { MultiSelect, NativeSelect } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { change } from '../../api/client';
import { InviteMemberDocument, type Role } from '../../gql';
import { useFresh } from '../../parts/StepUp';
import { told } from '../../parts/told';
import { Alert, Button, Field, useAction } from '../../parts/ui';
import { roleName, rolesUpTo } from '../../words';
import { useOrganization } from '../Organization';
import { useTeams } from '../useTeams';

/** What a role brings, beside its name. */
const roleHint: Record<Role, string> = {
  OWNER: 'everything, with the 2FA requirement, single sign-on and the organization itself',
  MANAGER: 'members, invitations and the audit log',
  ADMIN: 'teams and projects',
  MEMBER: 'sees the organization and the projects of their own teams',
};

interface RoleFieldProps {
  roles: Role[];
  value: Role;
  onChange: (role: Role) => void;
}

/** A role to choose, with what it brings. */
export function RoleField({ roles, value, onChange }: RoleFieldProps) {
  return (
    <NativeSelect
      label="Role"
      mb="md"
      description={`${roleName(value)}: ${roleHint[value]}.`}
      inputWrapperOrder={['label', 'input', 'description']}
      value={value}
      data={roles.map((role) => ({ value: role, label: roleName(role) }))}
      onChange={({ currentTarget }) => onChange(currentTarget.value as Role)}
    />
  );
}

export function Invite({ done }: { done: () => void }) {
  const { organization, member } = useOrganization();
  const fresh = useFresh();
  const teams = useTeams();
  const [email, setEmail] = useState('');
  const roles = rolesUpTo(member.role);
  const [chosen, setRole] = useState<Role>('MEMBER');
  const role = roles.includes(chosen) ? chosen : 'MEMBER'; // One's own role may sink while the form is open.
  const [teamIds, setTeamIds] = useState<string[]>([]);
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      await fresh(`invite ${email.trim()}`, () => change(InviteMemberDocument, { organizationId: organization.id, email: email.trim(), role, teamIds }));
      told(`An invitation is on its way to ${email.trim()}. Its link lives seven days.`);
      done();
    });
  };
  return (
    <form onSubmit={submit}>
      <Field label="Email" name="email" type="email" inputMode="email" autoComplete="off" required maxLength={254} data-autofocus value={email} onValue={setEmail} error={error} />
      <RoleField roles={roles} value={role} onChange={setRole} />
      <TeamsField teams={teams} value={teamIds} onChange={setTeamIds} />
      {organization.require2FA === true && <p>They join once they have set up two-factor authentication: it is required here.</p>}
      <Alert error={error} />
      <Button type="submit" busy={busy} progress="Inviting…">
        Send the invitation
      </Button>
    </form>
  );
}

interface TeamsFieldProps {
  teams: { id: string; name: string }[] | null;
  value: string[];
  onChange: (ids: string[]) => void;
}

/** Some of the organization's teams. */
export function TeamsField({ teams, value, onChange }: TeamsFieldProps) {
  const [opened, setOpened] = useState(false);
  if (teams !== null && teams.length === 0) return <p>There are no teams yet.</p>;
  return (
    <MultiSelect
      label="Teams"
      mb="md"
      searchable
      clearable={false}
      nothingFoundMessage="No team of this name"
      placeholder={value.length === 0 ? 'None' : ''}
      maxValues={100}
      limit={100}
      data={(teams ?? []).map(({ id, name }) => ({ value: id, label: name }))}
      value={value}
      onChange={(ids) => {
        onChange(ids);
        setOpened(false); // It lies over the form's button.
      }}
      dropdownOpened={opened}
      onDropdownOpen={() => setOpened(true)}
      onDropdownClose={() => setOpened(false)}
    />
  );
}
