// Step-up: what needs a fresh session asks for the second factor (or the password, where there is none) and goes on.
import { Modal } from '@mantine/core';
import { createContext, type ReactNode, useCallback, useContext, useMemo, useRef, useState } from 'react';

import { ApiError } from '../api/error';
import { Prove } from '../signin/Prove';

interface StepUp {
  /** Runs a change; where it is refused for want of a fresh session, asks the person to prove themselves, and runs it again. */
  fresh: <T>(change: () => Promise<T>) => Promise<T>;
}

const Context = createContext<StepUp | null>(null);

export function StepUpProvider({ children }: { children: ReactNode }) {
  const [asking, setAsking] = useState(false);
  const waiting = useRef<{ proved: () => void; given: () => void } | null>(null);

  const fresh = useCallback(async <T,>(change: () => Promise<T>): Promise<T> => {
    try {
      return await change();
    } catch (reason) {
      if (!(reason instanceof ApiError) || reason.code !== 'STEP_UP_REQUIRED') throw reason;
      const proved = await new Promise<boolean>((resolve) => {
        waiting.current = { proved: () => resolve(true), given: () => resolve(false) };
        setAsking(true);
      });
      setAsking(false);
      if (!proved) throw reason;
      return change();
    }
  }, []);
  const value = useMemo(() => ({ fresh }), [fresh]);

  return (
    <Context value={value}>
      {children}
      <Modal opened={asking} onClose={() => waiting.current?.given()} title="Confirm that it is you" classNames={{ title: 'dialog-title' }} closeButtonProps={{ 'aria-label': 'Close' }} zIndex={300}>
        <Prove proved={() => waiting.current?.proved()} />
      </Modal>
    </Context>
  );
}

/** Runs a change that may need a fresh session. */
export function useFresh() {
  const context = useContext(Context);
  if (context === null) throw new Error('useFresh needs a StepUpProvider around it');
  return context.fresh;
}
