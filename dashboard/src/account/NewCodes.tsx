import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';

import { Codes } from '../factors/Codes';
import { Redirect } from '../parts/Redirect';
import { useAccount } from '../shell/SignedIn';
import { dropCodes, keptCodes } from './codes';

/** The new recovery codes, once. */
export function NewCodes() {
  const { account } = useAccount();
  const navigate = useNavigate();
  const [codes] = useState(keptCodes);
  useEffect(() => dropCodes, []);
  if (codes === null) return <Redirect to="/account/security" />;
  return (
    <div className="reading">
      <Codes
        codes={codes}
        account={`Account ${account.email ?? account.name}`}
        why="Your earlier codes do not work any more."
        next={() => void navigate({ to: '/account/security' })}
      />
    </div>
  );
}
