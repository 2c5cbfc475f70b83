import { Badge, Group, Loader } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { useQuery } from 'urql';

import { change } from '../api/client';
import { failure } from '../api/error';
import type { DocumentType } from '../api/types';
import { CreatePersonalTokenDocument, PersonalTokensDocument, RevokePersonalTokenDocument } from '../gql';
import { Confirm } from '../parts/Dialog';
import { useFresh } from '../parts/StepUp';
import { told } from '../parts/told';
import { Alert, Button, Title } from '../parts/ui';
import { agoName, dayName, momentName } from '../words';
import { scopeNames } from './scopes';
import { NewToken } from './TokenForm';

type Token = NonNullable<NonNullable<DocumentType<typeof PersonalTokensDocument>['viewer']>['personalTokens']>[number];

/** The person's own API tokens. */
export function Tokens() {
  const [{ data, error, fetching }, ask] = useQuery({ query: PersonalTokensDocument });
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const fresh = useFresh();
  const changed = () => ask({ requestPolicy: 'network-only' });
  const tokens = data?.viewer?.personalTokens ?? null;
  const failed = fetching ? null : failure(error);
  return (
    <div className="reading">
      <Group justify="space-between" mb="xs">
        <Title>API tokens</Title>
        <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setMaking(true)}>
          New token
        </Button>
      </Group>
      <p>
        A token lets a program act as you, as far as you allow it. What runs without you, as a screen on the wall, is better off
        with a service token of the organization.
      </p>
      <Alert error={failed} />
      {tokens === null && failed === null && <Loader aria-label="Loading" />}
      {tokens?.length === 0 && <p>You have no tokens.</p>}
      <ul className="cards" aria-label="Your tokens">
        {tokens?.map((token) => (
          <li key={token.id}>
            <div>
              <p className="card-name">
                {token.name}{' '}
                {Date.parse(token.expiresAt) < Date.now() && (
                  <Badge variant="light" color="gray">
                    Ended
                  </Badge>
                )}
              </p>
              <p className="card-facts">
                {scopeNames(token.scopes)}
                <br />
                Made {dayName(token.createdAt)}, {token.lastUsedAt === null ? 'never used' : `last used ${agoName(token.lastUsedAt)}`};
                ends {momentName(token.expiresAt)}
              </p>
            </div>
            <Button secondary size="xs" aria-label={`Revoke ${token.name}`} onClick={() => setRevoking(token)}>
              Revoke
            </Button>
          </li>
        ))}
      </ul>
      <NewToken
        title="New API token"
        opened={making}
        onClose={() => setMaking(false)}
        create={async (input) => (await fresh(`make the token ${input.name}`, () => change(CreatePersonalTokenDocument, input))).token}
        created={changed}
      />
      {revoking !== null && (
        <Confirm
          opened
          title={`Revoke ${revoking.name}?`}
          action="Revoke"
          progress="Revoking…"
          onClose={() => setRevoking(null)}
          run={async () => {
            await fresh(`revoke ${revoking.name}`, () => change(RevokePersonalTokenDocument, { personalTokenId: revoking.id }));
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
