import type { ApiError } from '../api/error';
import { Field } from './ui';

interface NewPasswordProps {
  label?: string;
  name: string;
  value: string;
  onValue: (value: string) => void;
  error: ApiError | null;
}

/** A password that is chosen here, which can be shown while it is typed. */
export function NewPassword({ label = 'New password', ...field }: NewPasswordProps) {
  return (
    <Field
      {...field}
      label={label}
      type="password"
      autoComplete="new-password"
      hint="At least 8 characters. A few words in a row make a good one."
      minLength={8}
      maxLength={256}
      required
    />
  );
}
