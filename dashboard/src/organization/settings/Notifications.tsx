import { Stack, Switch, Text } from '@mantine/core';
import { useEffect } from 'react';

import { change } from '../../api/client';
import { failure } from '../../api/error';
import { NotificationsDocument, UpdateNotificationSettingsDocument } from '../../gql';
import { useFresh } from '../../parts/StepUp';
import { Alert, Title, useAction } from '../../parts/ui';
import { useLiveQuery } from '../feed';
import { useOrganization } from '../Organization';

const kinds = [
  { key: 'membership', label: 'Membership', description: 'Members who come, go or change role.' },
  { key: 'security', label: 'Security', description: 'Security settings that change. Owners get these mails always.' },
] as const;

/** Which mails of this organization the viewer wants. */
export function Notifications() {
  const { organization, member, feed } = useOrganization();
  const [{ data, error }] = useLiveQuery({ query: NotificationsDocument, variables: { slug: organization.slug } }, ({ targetId }) => targetId === member.id);
  const saving = useAction();
  const fresh = useFresh();
  // Once the line is back, what is set is asked for and shown again: that it once could not be reached is no news then.
  const away = saving.error?.code === 'UNREACHABLE';
  const { forget } = saving;
  useEffect(() => (away ? feed.onChange(forget) : undefined), [away, feed, forget]);
  const settings = data?.organization?.viewer?.notificationSettings ?? null;
  const set = (key: 'membership' | 'security', to: boolean) =>
    void saving.run(async () => {
      await fresh('change what you are mailed', () => change(UpdateNotificationSettingsDocument, { organizationId: organization.id, [key]: to }));
    });
  return (
    <div className="narrow">
      <Title>My notifications</Title>
      <p>What {organization.name} mails you about. Mails about your own account come always.</p>
      {settings === null && <Text role="status">{error === undefined && 'Loading…'}</Text>}
      <Alert error={saving.error ?? (settings === null ? failure(error) : null)} />
      {settings !== null && (
        <Stack gap="lg">
          {kinds.map(({ key, label, description }) => (
            <Switch
              key={key}
              size="md"
              classNames={{ label: 'switch-label' }}
              label={label}
              description={description}
              checked={settings[key]}
              aria-busy={saving.busy || undefined}
              onChange={({ currentTarget }) => set(key, currentTarget.checked)}
            />
          ))}
        </Stack>
      )}
      <p role="status" className="hint">
        {saving.busy && 'Saving…'}
      </p>
    </div>
  );
}
