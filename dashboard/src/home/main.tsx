// The start page: what this is, where its parts are, and who is signed in.
import '../style.css';

import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

import { api, ApiError, type Viewer } from '../api';
import { Alert, Button, Page, useAction } from '../ui';

const offers = document.querySelector<HTMLMetaElement>('meta[name="muster-offers"]')?.content.split(' ') ?? [];

function Home() {
  return (
    <Page>
      <h1>Muster</h1>
      <p className="lead">
        Require two-factor authentication in an organization, and see live who passes muster: who has it, who loses access
        without it, and who comes back with role, teams and settings.
      </p>
      <Account />
      <ul className="places">
        {offers.includes('playground') && (
          <li>
            <a href="/playground">Playground</a>
            <span>Try the API: queries, changes and the live audit log, with a tour.</span>
          </li>
        )}
        {offers.includes('mailbox') && (
          <li>
            <a href="/mailbox/">Mailbox</a>
            <span>The emails and text messages that this server would have sent.</span>
          </li>
        )}
        <li>
          <span className="place-name">
            GraphQL at <code>{`${window.location.origin}/graphql`}</code>
          </span>
          <span>POST for queries and mutations, a WebSocket (graphql-transport-ws) for subscriptions.</span>
        </li>
      </ul>
      <p className="small">
        <a href="/licenses">Licenses of the software in these pages</a>
      </p>
    </Page>
  );
}

/** Who is signed in here; undefined until the server has answered. */
function Account() {
  const [viewer, setViewer] = useState<Viewer | null | undefined>(undefined);
  const [failure, setFailure] = useState<ApiError | null>(null);
  const { busy, error, run } = useAction();
  useEffect(() => {
    api.viewer().then(setViewer, (reason: unknown) => {
      if (!(reason instanceof ApiError)) throw reason;
      setFailure(reason);
    });
  }, []);
  const signOut = () =>
    run(async () => {
      await api.signOut();
      setViewer(null);
    });
  return (
    <section className="account" aria-label="Your account">
      {failure === null && (
        <p role="status">
          {viewer === undefined && 'Looking whether you are signed in…'}
          {viewer === null && 'You are not signed in in this browser.'}
          {viewer && (
            <>
              Signed in as <strong>{viewer.email ?? viewer.name}</strong>
              {viewer.twoFactor === 'DISABLED' && ', without two-factor authentication'}
              {viewer.twoFactor === 'INSECURE' && ', with a phone as the only second factor'}
              {viewer.twoFactor === 'SECURE' && ', with two-factor authentication'}.
            </>
          )}
        </p>
      )}
      <Alert error={failure ?? error} />
      {viewer && (
        <Button className="secondary" busy={busy} progress="Signing out…" onClick={() => void signOut()}>
          Sign out
        </Button>
      )}
    </section>
  );
}

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element with the id "root"');
createRoot(root).render(<Home />);
