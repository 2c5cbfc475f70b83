import { useCallback, useEffect, useState } from 'react';

import { api, ApiError, type Challenge, type Confirmed, type Invitation, type Reinstated, type Viewer } from '../../api';
import { Page } from '../../parts/Page';
import { Codes } from '../../factors/Codes';
import { Dead, Done, Finished, Loading, Refused } from './End';
import { Factor, type Kind } from '../../factors/Factor';
import { SecondFactor } from '../../factors/SecondFactor';
import { Challenged } from '../../signin/Challenged';
import { Start } from './Start';
import { dropToken } from '../token';
import { Unreachable } from '../Unreachable';

export type PageName = 'rejoin' | 'join';

/** Where somebody stands on the way from the link into the organization. */
type Step =
  | { at: 'loading' }
  | { at: 'unreachable'; error: ApiError }
  | { at: 'dead' }
  | { at: 'finished' }
  | { at: 'start' }
  | { at: 'challenge'; challenge: Challenge }
  | { at: 'refused'; error: ApiError }
  | { at: 'factor' }
  | { at: 'codes'; codes: string[]; kind: Kind }
  | { at: 'second-factor'; kind: Kind }
  | { at: 'done' };

export function App({ page, token }: { page: PageName; token: string | null }) {
  const [step, setStep] = useState<Step>({ at: 'loading' });
  const [invitation, setInvitation] = useState<Invitation | null>(null);
  const [viewer, setViewer] = useState<Viewer | null>(null);
  const [reinstated, setReinstated] = useState<Reinstated[]>([]);

  const load = useCallback(async () => {
    setStep({ at: 'loading' });
    try {
      const found = token === null ? { invitation: null, viewer: await api.viewer() } : await api.invitation(token);
      setViewer(found.viewer);
      setInvitation(found.invitation);
      const next = found.invitation?.nextStep;
      if (next === undefined || next === 'NOTHING') dropToken(page);
      setStep({ at: next === undefined ? 'dead' : next === 'NOTHING' ? 'finished' : 'start' });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setStep({ at: 'unreachable', error });
    }
  }, [page, token]);

  useEffect(() => void load(), [load]);

  /** Uses the link. What it throws is shown by the form that called it. */
  const accept = useCallback(async () => {
    if (token === null) return;
    try {
      const accepted = await api.acceptInvite(token);
      if (accepted.nextStep === 'SET_UP_2FA') {
        setStep({ at: 'factor' });
        return;
      }
      setReinstated(accepted.reinstated);
      dropToken(page);
      setStep({ at: 'done' });
    } catch (error) {
      if (!(error instanceof ApiError) || error.code === 'UNREACHABLE' || error.code === 'RATE_LIMITED') throw error;
      // Signed in, but the link is not for this account, or this session may not use it.
      setViewer(await api.viewer());
      setStep({ at: 'refused', error });
    }
  }, [page, token]);

  const signOut = useCallback(async () => {
    await api.signOut();
    await load();
  }, [load]);

  /** An authenticator is confirmed, which has used the link up. */
  const confirmed = useCallback(
    (kind: Kind, answer: Confirmed) => {
      dropToken(page);
      setReinstated(answer.reinstated);
      const codes = answer.recoveryCodes ?? [];
      setStep(codes.length > 0 ? { at: 'codes', codes, kind } : { at: 'second-factor', kind });
    },
    [page],
  );

  const content = () => {
    if (step.at === 'loading') return <Loading />;
    if (step.at === 'unreachable') return <Unreachable kept="Your link has not been used up." error={step.error} retry={load} />;
    if (step.at === 'dead' || invitation === null) return <Dead page={page} viewer={viewer} />;
    switch (step.at) {
      case 'finished':
        return <Finished organization={invitation.organizationName} />;
      case 'start':
        return (
          <Start
            page={page}
            token={token ?? ''}
            invitation={invitation}
            viewer={viewer}
            accept={accept}
            challenged={(challenge) => setStep({ at: 'challenge', challenge })}
            signOut={signOut}
          />
        );
      case 'challenge':
        return <Challenged challenge={step.challenge} proved={accept} restart={load} />;
      case 'refused':
        return <Refused error={step.error} invitation={invitation} viewer={viewer} signOut={signOut} retry={load} />;
      case 'factor':
        return (
          <Factor confirmed={confirmed} restart={load}>
            <p>
              From now on you sign in with your password and something that only you have. What shall it be?{' '}
              {invitation.organizationName} accepts each of these.
            </p>
          </Factor>
        );
      case 'codes':
        return (
          <Codes
            codes={step.codes}
            account={`Account used with ${invitation.organizationName}`}
            why="Two-factor authentication is on."
            next={() => setStep({ at: 'second-factor', kind: step.kind })}
          />
        );
      case 'second-factor':
        return <SecondFactor first={step.kind} next={() => setStep({ at: 'done' })} />;
      case 'done':
        return <Done page={page} invitation={invitation} reinstated={reinstated} />;
    }
  };
  return <Page>{content()}</Page>;
}
