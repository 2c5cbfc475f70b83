import { Badge, Group, Text } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useState } from 'react';

import { scopeNames } from '../../account/scopes';
import { NewToken } from '../../account/TokenForm';
import { change } from '../../api/client';
import { failure } from '../../api/error';
import type { DocumentType } from '../../api/types';
import { CreateServiceTokenDocument, RevokeServiceTokenDocument, ServiceTokensDocument } from '../../gql';
import { Confirm } from '../../parts/Dialog';
import { useFresh } from '../../parts/StepUp';
import { told } from '../../parts/told';
import { Alert, Button, Title } from '../../parts/ui';
import { agoName, dayName, momentName } from '../../words';
import { useLiveQuery } from '../feed';
import { Needs } from '../Needs';
import { useOrganization } from '../Organization';

type Token = NonNullable<NonNullable<DocumentType<typeof ServiceTokensDocument>['organization']>['serviceTokens']>[number];

const title = 'Service tokens';

/** The organization's own API tokens: they act as themselves, as a manager at most, and stay when their maker leaves. */
export function ServiceTokens() {
  return (
    <Needs role="OWNER" title={title}>
      <Tokens />
    </Needs>
  );
}

function Tokens() {
  const { organization } = useOrganization();
  const [{ data, error, fetching }, again] = useLiveQuery({ query: ServiceTokensDocument, variables: { slug: organization.slug } }, ({ action }) => action.startsWith('token.'));
  const [making, make] = useState(false);
  const [revoking, revoke] = useState<Token | null>(null);
  const fresh = useFresh();
  const changed = () => again({ requestPolicy: 'network-only' });
  const tokens = data?.organization?.serviceTokens ?? null;
  return (
    <div className="narrow">
      <Group justify="space-between" mb="xs">
        <Title>{title}</Title>
        <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => make(true)}>
          New token
        </Button>
      </Group>
      <p>
        Service tokens are for programs. Each acts as itself, never as more than a manager, and stays when you leave. Requiring
        two-factor authentication does not ask them for one.
      </p>
      <Alert error={tokens === null ? failure(error) : null} />
      {tokens === null && fetching && <Text role="status">Loading…</Text>}
      {tokens?.length === 0 && <p>There are no tokens.</p>}
      {tokens !== null && tokens.length > 0 && (
        <ul className="cards" aria-label="Service tokens">
          {tokens.map((token) => (
            <li key={token.id}>
              <div>
                <p className="card-name">
                  {token.name}{' '}
                  {token.expiresAt !== null && Date.parse(token.expiresAt) < Date.now() && (
                    <Badge variant="light" color="gray">
                      Ended
                    </Badge>
                  )}
                </p>
                <p className="card-facts">
                  {scopeNames(token.scopes ?? [])}
                  <br />
                  Made {token.createdAt !== null && dayName(token.createdAt)}
                  {token.createdBy !== null && ` by ${token.createdBy.name}`}, {token.lastUsedAt === null ? 'never used' : `last used ${agoName(token.lastUsedAt)}`}
                  {token.expiresAt !== null && `; ends ${momentName(token.expiresAt)}`}
                </p>
              </div>
              <Button secondary size="xs" aria-label={`Revoke ${token.name}`} onClick={() => revoke(token)}>
                Revoke
              </Button>
            </li>
          ))}
        </ul>
      )}
      <NewToken
        title="New service token"
        opened={making}
        onClose={() => make(false)}
        create={async (input) => (await fresh(`make the token ${input.name}`, () => change(CreateServiceTokenDocument, { organizationId: organization.id, ...input }))).token}
        created={changed}
      />
      {revoking !== null && (
        <Confirm
          opened
          title={`Revoke ${revoking.name}?`}
          action="Revoke"
          progress="Revoking…"
          onClose={() => revoke(null)}
          run={async () => {
            await fresh(`revoke ${revoking.name}`, () => change(RevokeServiceTokenDocument, { serviceTokenId: revoking.id }));
            told(`${revoking.name} is revoked.`);
            changed();
          }}
        >
          <p>Programs that use “{revoking.name}” are refused at once. It cannot be taken back; a new token can be made.</p>
        </Confirm>
      )}
    </div>
  );
}
