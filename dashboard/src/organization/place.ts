// The viewer's own place in an organization is watched by itself: whoever may not see the log learns in the same moment
// what changed for them, or that they have lost access and why.
import { useEffect, useRef, useState } from 'react';

import { follow, type LiveStatus } from '../api/live';
import type { DocumentType } from '../api/types';
import { ViewerMemberDocument } from '../gql';

export type Place = DocumentType<typeof ViewerMemberDocument>['viewerMember'];

/** Follows the viewer's place in an organization; `told` is called with each state of it and the one before, if any. */
export function usePlace(organizationId: string, told: (now: Place, before: Place | null) => void): LiveStatus {
  const [status, setStatus] = useState<LiveStatus>({ at: 'connecting' });
  const latest = useRef(told);
  latest.current = told;
  useEffect(() => {
    let before: Place | null = null;
    return follow({
      document: ViewerMemberDocument,
      variables: { organizationId },
      next: ({ viewerMember }) => {
        latest.current(viewerMember, before);
        before = viewerMember;
      },
      status: setStatus,
    });
  }, [organizationId]);
  return status;
}
