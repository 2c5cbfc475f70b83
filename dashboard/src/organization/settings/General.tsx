import type { FormEvent } from 'react';

import { change } from '../../api/client';
import { UpdateOrganizationDocument } from '../../gql';
import { useDraft } from '../../parts/draft';
import { told } from '../../parts/told';
import { Alert, Button, Field, Title, useAction } from '../../parts/ui';
import { Needs } from '../Needs';
import { useOrganization } from '../Organization';

const title = 'General';

/** The organization's names. Who has the old address open goes on at the new one by itself. */
export function General() {
  return (
    <Needs role="OWNER" title={title}>
      <Names />
    </Needs>
  );
}

function Names() {
  const { organization } = useOrganization();
  const name = useDraft(organization.name);
  const slug = useDraft(organization.slug);
  const { busy, error, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      const saved = await change(UpdateOrganizationDocument, {
        organizationId: organization.id,
        // What was not touched here may have been changed by somebody else.
        ...(name.changed ? { name: name.value.trim() } : {}),
        ...(slug.changed ? { slug: slug.value } : {}),
      });
      told(saved.organization.slug === organization.slug ? 'Saved.' : `Saved. The address is now /organizations/${saved.organization.slug}.`);
    });
  };
  return (
    <div className="narrow">
      <Title>{title}</Title>
      <form onSubmit={submit}>
        <Field label="Name" name="name" maxLength={100} required value={name.value} onValue={name.choose} error={error} />
        <Field
          label="Short name"
          name="slug"
          hint="2 to 40 of a–z, 0–9 and inner hyphens. It stands in the address: links to the old one stop working."
          maxLength={40}
          required
          value={slug.value}
          onValue={slug.choose}
          error={error}
        />
        <Alert error={error} />
        <Button type="submit" busy={busy} progress="Saving…">
          Save
        </Button>
      </form>
    </div>
  );
}
