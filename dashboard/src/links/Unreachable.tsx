import type { ApiError } from '../api';
import { Alert, Button, Title, useAction } from '../parts/ui';

/** Muster did not answer: nothing is known about the link, and what it stands for is as it was, which `kept` says. */
export function Unreachable({ error, kept, retry }: { error: ApiError; kept: string; retry: () => Promise<void> }) {
  const { busy, run } = useAction();
  return (
    <>
      <Title>This did not work</Title>
      <Alert error={error} />
      <p>{kept}</p>
      <Button busy={busy} progress="Trying…" onClick={() => void run(retry)}>
        Try again
      </Button>
    </>
  );
}
