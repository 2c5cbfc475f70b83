// What the viewer may do with a member. The server decides; this only keeps from showing what it would refuse.
import type { Role } from '../../gql';
import { hasRole, rolesUpTo } from '../../words';
import type { Member } from './types';

interface Viewer {
  id: string;
  role: Role;
}

export interface May {
  changeRole: boolean;
  setTeams: boolean;
  remove: boolean;
  resend: boolean;
  reset: boolean;
  leave: boolean;
  /** The roles that they may be given. */
  roles: Role[];
}

export function mayWith(viewer: Viewer, member: Pick<Member, 'id' | 'role' | 'status' | 'twoFactor'> & { isOnlyOwner?: boolean | null }): May {
  const own = viewer.id === member.id;
  // Nobody touches a role above their own.
  const over = hasRole(viewer.role, member.role);
  const manages = hasRole(viewer.role, 'MANAGER') && over;
  return {
    changeRole: manages,
    setTeams: hasRole(viewer.role, 'ADMIN') && over,
    remove: manages && !own,
    resend: manages && member.status !== 'ACTIVE',
    reset: manages && !own && member.status === 'ACTIVE' && member.twoFactor !== null && member.twoFactor !== 'DISABLED',
    // Without its last owner nobody could run the organization.
    leave: own && member.isOnlyOwner !== true,
    // Nobody raises themselves either: their own role is the highest that they can give.
    roles: rolesUpTo(viewer.role),
  };
}
