import { type FormEvent, useState } from 'react';

import { lastOrganization } from '../kept';
import { Button, Field, Title } from '../parts/ui';
import { keepWay } from './way';

/** Signs in through an organization's own provider (single sign-on). The server sends the browser there and says what went wrong. */
export function ByOrganization({ back }: { back: () => void }) {
  const [slug, setSlug] = useState(() => lastOrganization() ?? '');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    keepWay('organization');
    window.location.assign(`/sso/${encodeURIComponent(slug.trim().toLowerCase())}`);
  };
  return (
    <form onSubmit={submit}>
      <Title>Sign in with your organization</Title>
      <p>For organizations with single sign-on: you sign in at their own page and come back here.</p>
      <Field
        label="Organization's short name"
        name="slug"
        hint="As in its address here, for example acme. Ask a colleague if you do not know it."
        autoComplete="organization"
        maxLength={40}
        required
        value={slug}
        onValue={setSlug}
        error={null}
      />
      <div className="actions">
        <Button type="submit">Go on</Button>
        <Button secondary onClick={back}>
          Back
        </Button>
      </div>
    </form>
  );
}
