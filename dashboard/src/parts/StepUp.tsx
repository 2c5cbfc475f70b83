// Step-up: what needs a fresh session asks for the second factor (or the password, where there is none) and goes on.
import { Modal } from '@mantine/core';
import { createContext, type ReactNode, useCallback, useContext, useEffect, useRef, useState } from 'react';

import { ApiError, Cancelled } from '../api/error';
import { Prove } from '../signin/Prove';
import { useEscape } from './escape';

/** What somebody is asked to prove themselves for. */
interface Question {
  /** What they are about to do, as it goes on after "To": "remove Mia from Acme Corp". */
  purpose: string;
  /** The part of the page that asks is gone: nothing is carried out for it any more. */
  gone: AbortSignal;
}

/** Asks, and comes back when it is proved, or with false where another question stood first; throws Cancelled where it is not proved. */
type Ask = (question: Question) => Promise<boolean>;

const Context = createContext<Ask | null>(null);

interface Asked {
  question: Question;
  proved: () => void;
  given: () => void;
}

export function StepUpProvider({ children }: { children: ReactNode }) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const open = useRef<Promise<void> | null>(null);

  const ask = useCallback<Ask>(async (question) => {
    // Whoever comes second waits: what is proved for the first may do for them, which their next try shows.
    if (open.current !== null) return open.current.then(() => false, () => false);
    open.current = new Promise<void>((resolve, reject) => {
      const given = () => reject(new Cancelled());
      question.gone.addEventListener('abort', given);
      setAsked({ question, proved: resolve, given });
    });
    try {
      await open.current;
      return true;
    } finally {
      open.current = null;
      setAsked(null);
    }
  }, []);
  useEscape(asked !== null, () => asked?.given());

  return (
    <Context value={ask}>
      {children}
      <Modal opened={asked !== null} onClose={() => asked?.given()} title="Confirm that it is you" classNames={{ title: 'dialog-title' }} zIndex={300}>
        {asked !== null && <Prove purpose={asked.question.purpose} proved={asked.proved} />}
      </Modal>
    </Context>
  );
}

/**
 * Runs a change that may need a fresh session: where it is refused for want of one, asks the person to prove themselves, says
 * for what, and runs it again. The question goes away with the part of the page that asks, and nothing happens then.
 */
export function useFresh() {
  const ask = useContext(Context);
  if (ask === null) throw new Error('useFresh needs a StepUpProvider around it');
  const here = useRef(new AbortController());
  useEffect(() => {
    here.current = new AbortController();
    return () => here.current.abort();
  }, []);
  return useCallback(
    async <T,>(purpose: string, change: () => Promise<T>): Promise<T> => {
      const gone = here.current.signal;
      for (let proved = false; ; ) {
        try {
          return await change();
        } catch (reason) {
          if (proved || !(reason instanceof ApiError) || reason.code !== 'STEP_UP_REQUIRED') throw reason;
        }
        if (!gone.aborted) proved = await ask({ purpose, gone });
        if (gone.aborted) throw new Cancelled();
      }
    },
    [ask],
  );
}
