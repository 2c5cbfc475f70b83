import { useCallback, useEffect, useRef, useState } from 'react';

import { api, ApiError, type Challenge, type Confirmed, type Invitation, type Reinstated, type Viewer } from '../../api';
import { Page } from '../../parts/Page';
import { Codes } from '../../factors/Codes';
import { NoCodes } from '../../factors/NoCodes';
import { Dead, Done, Finished, Loading, Refused, SignInAgain } from './End';
import { Factor, type Kind } from '../../factors/Factor';
import { SecondFactor } from '../../factors/SecondFactor';
import { Challenged } from '../../signin/Challenged';
import { Start } from './Start';
import { cameBy, dropToken, keepCame } from '../token';
import { Unreachable } from '../Unreachable';

export type PageName = 'rejoin' | 'join';

/** Where somebody stands on the way from the link into the organization. */
type Step =
  | { at: 'loading' }
  | { at: 'unreachable'; error: ApiError }
  | { at: 'dead' }
  | { at: 'finished'; organization: string; codesLost: boolean }
  | { at: 'start' }
  | { at: 'challenge'; challenge: Challenge }
  | { at: 'refused'; error: ApiError }
  | { at: 'factor' }
  | { at: 'codes'; codes: string[]; kind: Kind }
  | { at: 'no-codes'; kind: Kind }
  | { at: 'sign-in-again' }
  | { at: 'second-factor'; kind: Kind }
  | { at: 'done' };

/** The viewer's places that are open. */
const active = async () => (await api.places()).filter(({ status }) => status === 'ACTIVE');

export function App({ page, token }: { page: PageName; token: string | null }) {
  const [step, setStep] = useState<Step>({ at: 'loading' });
  const [invitation, setInvitation] = useState<Invitation | null>(null);
  const [viewer, setViewer] = useState<Viewer | null>(null);
  const [reinstated, setReinstated] = useState<Reinstated[]>([]);

  // Where somebody was in before the link was used: what is new after it tells what a lost answer would have told.
  const inside = useRef<Set<string> | null>(null);
  const unanswered = useRef(false);

  const load = useCallback(async () => {
    inside.current = null;
    setStep({ at: 'loading' });
    try {
      const found = token === null ? { invitation: null, viewer: await api.viewer() } : await api.invitation(token);
      setViewer(found.viewer);
      setInvitation(found.invitation);
      const next = found.invitation?.nextStep;
      // Loaded again while the recovery codes were shown: the link is used up, and they are nowhere any more.
      const came = token === null && found.viewer !== null ? cameBy(page) : null;
      if (next === undefined || next === 'NOTHING') dropToken(page);
      if (came !== null) setStep({ at: 'finished', organization: came, codesLost: true });
      else if (found.invitation === null) setStep({ at: 'dead' });
      else if (next === 'NOTHING') setStep({ at: 'finished', organization: found.invitation.organizationName, codesLost: false });
      else setStep({ at: 'start' });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setStep({ at: 'unreachable', error });
    }
  }, [page, token]);

  useEffect(() => void load(), [load]);

  const cameBack = async () => {
    const back = (await active()).filter(({ id }) => inside.current?.has(id) !== true);
    setReinstated(back.map((member) => ({ organization: member.organization, member, restored: [], skipped: [] })));
    return back.length > 0;
  };

  /** Uses the link. What it throws is shown by the form that called it. */
  const accept = useCallback(async () => {
    if (token === null) return;
    try {
      inside.current ??= new Set((await active()).map(({ id }) => id));
      const accepted = await api.acceptInvite(token).catch((reason: unknown) => {
        unanswered.current ||= reason instanceof ApiError && reason.code === 'UNREACHABLE';
        throw reason;
      });
      if (accepted.nextStep === 'SET_UP_2FA') {
        if (accepted.member !== null) inside.current.delete(accepted.member.id);
        setStep({ at: 'factor' });
        return;
      }
      setReinstated(accepted.reinstated);
      dropToken(page);
      setStep({ at: 'done' });
    } catch (error) {
      if (!(error instanceof ApiError) || error.code === 'UNREACHABLE' || error.code === 'RATE_LIMITED') throw error;
      // An earlier try has used the link up, and its answer was lost.
      if (unanswered.current && error.code === 'INVALID_LINK' && (await cameBack())) {
        dropToken(page);
        setStep({ at: 'done' });
        return;
      }
      // Signed in, but the link is not for this account, or this session may not use it.
      setViewer(await api.viewer());
      setStep({ at: 'refused', error });
    }
  }, [page, token]);

  const signOut = useCallback(async () => {
    await api.signOut();
    await load();
  }, [load]);

  /** An authenticator is confirmed, which has used the link up; its codes are to be saved. */
  const used = (next: Step) => {
    dropToken(page);
    keepCame(page, invitation?.organizationName ?? '');
    setStep(next);
  };
  const confirmed = (kind: Kind, answer: Confirmed) => {
    setReinstated(answer.reinstated);
    const codes = answer.recoveryCodes ?? [];
    if (codes.length > 0) used({ at: 'codes', codes, kind });
    else secondFactor(kind);
  };
  /** No answer says whether one is. */
  const doubted = async (kind: Kind) => {
    const now = await api.viewer();
    setViewer(now);
    if (now?.twoFactor === 'DISABLED') return false;
    if (now === null) {
      setStep({ at: 'sign-in-again' });
      return true;
    }
    await cameBack();
    used({ at: 'no-codes', kind });
    return true;
  };
  const secondFactor = (kind: Kind) => {
    dropToken(page);
    setStep({ at: 'second-factor', kind });
  };

  const content = () => {
    if (step.at === 'loading') return <Loading />;
    if (step.at === 'unreachable') return <Unreachable kept="Your link has not been used up." error={step.error} retry={load} />;
    if (step.at === 'finished') return <Finished organization={step.organization} codesLost={step.codesLost} />;
    if (step.at === 'dead' || invitation === null) return <Dead page={page} viewer={viewer} />;
    switch (step.at) {
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
          <Factor confirmed={confirmed} unanswered={doubted} restart={load}>
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
            next={() => secondFactor(step.kind)}
          />
        );
      case 'no-codes':
        return <NoCodes made={(codes) => setStep({ at: 'codes', codes, kind: step.kind })} later={() => secondFactor(step.kind)} />;
      case 'sign-in-again':
        return <SignInAgain restart={load} />;
      case 'second-factor':
        return <SecondFactor first={step.kind} next={() => setStep({ at: 'done' })} />;
      case 'done':
        return <Done page={page} invitation={invitation} reinstated={reinstated} />;
    }
  };
  return <Page>{content()}</Page>;
}
