// Organization settings → Security & Privacy: the requirement, what it would do, what it is doing, and single sign-on.
import { Text } from '@mantine/core';

import { failure } from '../../api/error';
import { RequirementDocument } from '../../gql';
import { Alert, Button, Title } from '../../parts/ui';
import { useLiveQuery } from '../feed';
import { Needs } from '../Needs';
import { useOrganization } from '../Organization';
import { ImpactNow } from './Impact';
import { Switcher } from './Require2FA';
import { SingleSignOn } from './SingleSignOn';
import { SweepProgress } from './SweepProgress';

const title = 'Security & Privacy';

export function Security() {
  return (
    <Needs role="MANAGER" title={title}>
      <Settings />
    </Needs>
  );
}

function Settings() {
  const { organization } = useOrganization();
  const [{ data, error, fetching }, again] = useLiveQuery({ query: RequirementDocument, variables: { slug: organization.slug } }, ({ action }) =>
    /^(member|sso)\.|^org\.edit$/.test(action),
  );
  const refresh = () => again({ requestPolicy: 'network-only' });
  const settings = data?.organization ?? null;
  if (settings === null) {
    return (
      <>
        <Title>{title}</Title>
        {fetching && <Text role="status">Loading…</Text>}
        <Alert error={failure(error)}>
          <Button secondary onClick={refresh}>
            Try again
          </Button>
        </Alert>
      </>
    );
  }
  return (
    <div className="narrow">
      <Title>{title}</Title>
      <section aria-labelledby="requirement">
        <h2 id="requirement">Two-factor authentication</h2>
        <Switcher settings={settings} refresh={refresh} />
        {settings.sweep !== null && settings.require2FA === true && <SweepProgress key={settings.sweep.id} latest={settings.sweep} refresh={refresh} />}
        {settings.require2FAImpact !== null && <ImpactNow settings={settings} impact={settings.require2FAImpact} refresh={refresh} />}
      </section>
      <section aria-labelledby="sso">
        <h2 id="sso">Single sign-on</h2>
        <SingleSignOn settings={settings} refresh={refresh} />
      </section>
    </div>
  );
}
