// How a member's state is shown: always in words, the colour beside.
import { Badge, Text } from '@mantine/core';

import type { InviteDelivery, MemberStatus, TwoFactorState } from '../../gql';
import { statusName, twoFactorName } from '../../words';

const statusColor: Record<MemberStatus, string> = { ACTIVE: 'green', INVITED: 'blue', REMOVED_FOR_2FA: 'red' };

export function StatusBadge({ status }: { status: MemberStatus }) {
  return (
    <Badge variant="light" color={statusColor[status]}>
      {statusName(status)}
    </Badge>
  );
}

const stateColor: Record<TwoFactorState, string> = { SECURE: 'green', INSECURE: 'yellow', DISABLED: 'red' };

/** How well the account is protected, or that a trusted provider answers for it; nothing is known of who has not joined. */
export function TwoFactorBadge({ member: { twoFactor: state, meetsRequirement } }: { member: { twoFactor: TwoFactorState | null; meetsRequirement: boolean | null } }) {
  if (state === null) return <Text size="sm">–</Text>;
  if (state === 'DISABLED' && meetsRequirement === true) {
    return (
      <Badge variant="light" color="green">
        By the provider
      </Badge>
    );
  }
  return (
    <Badge variant="light" color={stateColor[state]}>
      {twoFactorName(state)}
    </Badge>
  );
}

const deliveries: Record<InviteDelivery, string> = {
  QUEUED: 'Mail is being sent',
  SENT: 'Mail sent',
  FAILED: 'Mail was refused: check the address, then resend',
};

/** How far the mail with the link has got. */
export function Delivery({ state }: { state: InviteDelivery | null }) {
  if (state === null) return <Text size="sm">No mail</Text>;
  return (
    <Text size="sm" {...(state === 'FAILED' ? { c: 'red', fw: 600 } : {})}>
      {deliveries[state]}
    </Text>
  );
}
