import type { Reinstated } from '../api';
import { roleName } from '../words';

/** What somebody got back in one organization, and what not. */
export function Restored({ place, heading }: { place: Reinstated; heading: boolean }) {
  const Part = heading ? 'h3' : 'h2';
  const teams = place.member.teams ?? [];
  return (
    <section aria-label={place.organization.name}>
      {heading && <h2>{place.organization.name}</h2>}
      <dl className="facts">
        <dt>Your role</dt>
        <dd>{roleName(place.member.role)}</dd>
        <dt>Your teams</dt>
        <dd>{teams.length === 0 ? 'None' : teams.map(({ name }) => name).join(', ')}</dd>
      </dl>
      {place.restored.length > 0 && (
        <>
          <Part>Restored</Part>
          <ul className="restored">
            {place.restored.map((what) => (
              <li key={what}>{what}</li>
            ))}
          </ul>
        </>
      )}
      {place.skipped.length > 0 && (
        <>
          <Part>Not restored</Part>
          <ul className="skipped">
            {place.skipped.map(({ what, reason }) => (
              <li key={what}>
                {what}: {reason}
              </li>
            ))}
          </ul>
        </>
      )}
      <p>
        <a href={`/organizations/${place.organization.slug}`}>Go to {place.organization.name}</a>
      </p>
    </section>
  );
}
