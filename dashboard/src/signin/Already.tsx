import { Anchor } from '@mantine/core';
import { useEffect, useState } from 'react';

import { within } from '../address';
import { api, ApiError, type Viewer } from '../api';

/** Says who is signed in in this browser already, and offers to go on as them. */
export function Already({ to }: { to: string | undefined }) {
  const [viewer, setViewer] = useState<Viewer | null>(null);
  useEffect(() => {
    api.viewer().then(setViewer, (reason: unknown) => {
      // The form is there all the same, and says what is wrong with the server.
      if (!(reason instanceof ApiError)) throw reason;
    });
  }, []);
  return (
    <div role="status">
      {viewer !== null && (
        <div className="notice">
          <p>
            You are signed in as <strong>{viewer.email ?? viewer.name}</strong>. Signing in with another account takes its place in
            every tab of this browser.
          </p>
          <p>
            <Anchor href={within(to)}>Go on as {viewer.name}</Anchor>
          </p>
        </div>
      )}
    </div>
  );
}
