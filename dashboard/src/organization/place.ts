// The viewer's own place in an organization is watched by itself: whoever may not see the log learns in the same moment
// what changed for them, or that they have lost access and why.
import { useCallback, useEffect, useRef, useState } from 'react';

import { follow, type LiveStatus } from '../api/live';
import type { DocumentType } from '../api/types';
import { ViewerMemberDocument } from '../gql';

export type Place = DocumentType<typeof ViewerMemberDocument>['viewerMember'];

/** Follows the viewer's place in an organization; `told` is called with each state of it and the one before, if any. */
export function usePlace(organizationId: string | undefined, told: (now: Place, before: Place | null) => void) {
  const [status, setStatus] = useState<LiveStatus>({ at: 'connecting' });
  const [round, setRound] = useState(0);
  const latest = useRef(told);
  latest.current = told;
  const before = useRef<Place | null>(null);
  useEffect(() => {
    if (organizationId === undefined) return;
    return follow({
      document: ViewerMemberDocument,
      variables: { organizationId },
      next: ({ viewerMember }) => {
        const last = before.current;
        before.current = viewerMember;
        latest.current(viewerMember, last);
      },
      status: setStatus,
    });
  }, [organizationId, round]);
  /** Follows anew after access was lost and has come back. */
  const restart = useCallback(() => {
    setStatus({ at: 'connecting' });
    setRound((last) => last + 1);
  }, []);
  return { status, restart };
}
