import { change } from '../api/client';
import { RegenerateRecoveryCodesDocument } from '../gql';
import { useFresh } from '../parts/StepUp';
import { Alert, Button, Title, useAction } from '../parts/ui';

interface NoCodesProps {
  /** Takes the new ones. */
  made: (codes: string[]) => void;
  later: () => void;
}

/** A first factor is set up, and the answer that had its recovery codes was lost on the way. */
export function NoCodes({ made, later }: NoCodesProps) {
  const fresh = useFresh();
  const { busy, error, run } = useAction();
  const make = () =>
    void run(async () => made((await fresh('make new recovery codes', () => change(RegenerateRecoveryCodesDocument, {}))).recoveryCodes));
  return (
    <>
      <Title>Two-factor authentication is on</Title>
      <p>
        Your authenticator is set up, but the connection broke before your ten recovery codes arrived. Make new ones now: if you
        lose your authenticator, they get you in.
      </p>
      <Alert error={error} />
      <div className="actions">
        <Button busy={busy} progress="Making them…" onClick={make}>
          Make new recovery codes
        </Button>
        <Button secondary onClick={later}>
          Not now
        </Button>
      </div>
    </>
  );
}
