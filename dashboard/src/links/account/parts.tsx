import { Title } from '../../parts/ui';

/** A link that leads nowhere: invalid, used and expired look alike. */
export function Dead() {
  return (
    <>
      <Title>This link does not work</Title>
      <p>It is invalid, has been used, or has expired. Only the link of the newest mail works.</p>
      <p>
        <a href="/reset">Ask for a new link</a>
      </p>
    </>
  );
}
