import { Anchor } from '@mantine/core';
import { Link } from '@tanstack/react-router';

import type { ApiError } from '../api/error';
import { Alert, Button, Title } from '../parts/ui';
import { Prove } from '../signin/Prove';

interface RefusedProps {
  error: ApiError;
  slug: string;
  again: () => void;
}

/** The organization's gate says no: why, and where to go. */
export function Refused({ error, slug, again }: RefusedProps) {
  switch (error.code) {
    case 'TWO_FACTOR_REQUIRED':
      return (
        <>
          <Title>Two-factor authentication is required</Title>
          <p>
            <strong>{slug}</strong> requires two-factor authentication, and your account has none: its members, projects and
            notifications are closed to you until you set it up.
          </p>
          <p>
            A mail titled <em>Mandatory: Enable Two-Factor Authentication</em> is on its way to your address. Its button brings
            you back, with your role, teams and settings as they were.
          </p>
          <Button secondary onClick={again}>
            I have set it up: try again
          </Button>
        </>
      );
    case 'STEP_UP_REQUIRED':
      return (
        <>
          <Title>Confirm that it is you</Title>
          <p>
            <strong>{slug}</strong> requires two-factor authentication, and this session has not proved yours yet.
          </p>
          <Prove proved={again} />
        </>
      );
    case 'NOT_FOUND':
      return (
        <>
          <Title>Nothing to see here</Title>
          <p>There is no organization at this address, or you are not a member of it (any more).</p>
          <p>
            <Anchor component={Link} to="/organizations">
              Your organizations
            </Anchor>
          </p>
        </>
      );
    default:
      return (
        <>
          <Title>This did not work</Title>
          <Alert error={error} />
          <Button onClick={again}>Try again</Button>
        </>
      );
  }
}
