import type { ApiError } from '../../api';
import { Field, Title } from '../../parts/ui';

interface NewPasswordProps {
  name: string;
  value: string;
  onValue: (value: string) => void;
  error: ApiError | null;
}

/** A password that is chosen here, which can be shown while it is typed. */
export function NewPassword(props: NewPasswordProps) {
  return (
    <Field
      {...props}
      label="New password"
      type="password"
      autoComplete="new-password"
      hint="At least 8 characters. A few words in a row make a good one."
      minLength={8}
      maxLength={256}
      required
    />
  );
}

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
