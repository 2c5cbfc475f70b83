// The part of Muster's GraphQL API that these pages use. `npm run check-documents` holds the documents to the schema.
import acceptInvite from './graphql/acceptInvite.graphql?raw';
import authenticatorKinds from './graphql/authenticatorKinds.graphql?raw';
import confirmIdentity from './graphql/confirmIdentity.graphql?raw';
import confirmPhone from './graphql/confirmPhone.graphql?raw';
import confirmSecurityKeyEnrollment from './graphql/confirmSecurityKeyEnrollment.graphql?raw';
import confirmTOTP from './graphql/confirmTOTP.graphql?raw';
import confirmTwoFactorReset from './graphql/confirmTwoFactorReset.graphql?raw';
import declineTwoFactorReset from './graphql/declineTwoFactorReset.graphql?raw';
import enrollPhone from './graphql/enrollPhone.graphql?raw';
import enrollTOTP from './graphql/enrollTOTP.graphql?raw';
import invitation from './graphql/invitation.graphql?raw';
import notMe from './graphql/notMe.graphql?raw';
import reportNotMe from './graphql/reportNotMe.graphql?raw';
import requestPasswordReset from './graphql/requestPasswordReset.graphql?raw';
import resetPassword from './graphql/resetPassword.graphql?raw';
import sendSecondFactorCode from './graphql/sendSecondFactorCode.graphql?raw';
import signIn from './graphql/signIn.graphql?raw';
import signOut from './graphql/signOut.graphql?raw';
import signUp from './graphql/signUp.graphql?raw';
import startSecurityKeyEnrollment from './graphql/startSecurityKeyEnrollment.graphql?raw';
import startSecurityKeyVerification from './graphql/startSecurityKeyVerification.graphql?raw';
import twoFactorReset from './graphql/twoFactorReset.graphql?raw';
import verifyEmail from './graphql/verifyEmail.graphql?raw';
import verifySecondFactor from './graphql/verifySecondFactor.graphql?raw';
import viewer from './graphql/viewer.graphql?raw';

export type Role = 'OWNER' | 'MANAGER' | 'ADMIN' | 'MEMBER';
export type NextStep = 'SIGN_IN' | 'SIGN_UP' | 'SET_UP_2FA' | 'ACCEPT' | 'NOTHING';
export type Method = 'TOTP' | 'PHONE' | 'SECURITY_KEY' | 'RECOVERY_CODE';

export type AuthenticatorKind = 'TOTP' | 'PHONE' | 'SECURITY_KEY';

export interface Viewer {
  id: string;
  name: string;
  email: string | null;
  twoFactor: 'DISABLED' | 'INSECURE' | 'SECURE' | null;
}

export interface Invitation {
  organizationName: string;
  email: string;
  role: Role;
  reason: 'INVITED' | 'REMOVED_FOR_2FA';
  expiresAt: string;
  nextStep: NextStep;
}

export interface Reinstated {
  organization: { name: string; slug: string };
  member: { role: Role; teams: { name: string }[] | null };
  restored: string[];
  skipped: { what: string; reason: string }[];
}

export interface Challenge {
  token: string;
  methods: Method[];
}

export interface Confirmed {
  authenticator: { id: string };
  recoveryCodes: string[] | null;
  reinstated: Reinstated[];
}

/** A change to how an account is protected, as the mail about it tells. */
export interface AccountAlert {
  email: string;
  what: string;
  at: string;
  ipAddress: string | null;
  userAgent: string | null;
  reported: boolean;
  expiresAt: string;
}

export interface Reported {
  locked: boolean;
  alreadyReported: boolean;
  undone: { what: string; at: string }[];
  kept: { what: string; at: string }[];
}

/** What the link of a request to reset a second factor leads to. */
export interface TwoFactorResetRequest {
  organizationName: string;
  requestedBy: string;
  reason: string;
  email: string;
  expiresAt: string;
}

/** A refusal or a failure. Its message is a sentence for the person in front of the page: the server's own, where it sent one. */
export class ApiError extends Error {
  /** A value of the schema's ErrorCode, UNREACHABLE where no answer of Muster arrived, BROWSER where the browser refused. */
  readonly code: string;
  /** The input field that is not acceptable, where the server names one. */
  readonly field: string | undefined;

  constructor(message: string, code: string, field?: string) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.field = field;
  }
}

interface Answer {
  data?: Record<string, unknown> | null;
  errors?: { message: string; extensions?: { code?: string; field?: string } }[];
}

async function ask(document: string, variables: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  let response: Response;
  try {
    // The mode stays `cors`, fetch's default: in any other, a page with `Referrer-Policy: no-referrer` sends
    // `Origin: null`, and the server accepts the session's cookie from its own origin only.
    response = await fetch('/graphql', {
      method: 'POST',
      credentials: 'same-origin',
      cache: 'no-store',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json;q=0.9',
      },
      body: JSON.stringify({ query: document, variables }),
    });
  } catch {
    throw new ApiError('Muster cannot be reached. Check your connection and try again.', 'UNREACHABLE');
  }
  let answer: Answer;
  try {
    answer = (await response.json()) as Answer;
  } catch {
    throw new ApiError(`Muster gave no usable answer (status ${response.status}). Try again in a moment.`, 'UNREACHABLE');
  }
  const error = answer.errors?.[0];
  if (error !== undefined) {
    throw new ApiError(error.message, error.extensions?.code ?? 'INTERNAL', error.extensions?.field);
  }
  if (answer.data === undefined || answer.data === null) {
    throw new ApiError(`Muster gave no usable answer (status ${response.status}). Try again in a moment.`, 'UNREACHABLE');
  }
  return answer.data;
}

async function mutate<T>(document: string, field: string, input: Record<string, unknown>): Promise<T> {
  const data = await ask(document, { input });
  const payload = data[field];
  if (payload === null || payload === undefined) {
    throw new ApiError('Muster gave no usable answer. Try again in a moment.', 'UNREACHABLE');
  }
  return payload as T;
}

export const api = {
  viewer: async () => (await ask(viewer))['viewer'] as Viewer | null,
  invitation: async (token: string) =>
    (await ask(invitation, { token })) as unknown as { invitation: Invitation | null; viewer: Viewer | null },
  signUp: (input: { email: string; name: string; password: string; inviteToken?: string; addressToken?: string }) =>
    mutate<object>(signUp, 'signUp', input),
  signIn: (input: { email: string; password: string }) =>
    mutate<{ challenge: Challenge | null }>(signIn, 'signIn', input),
  sendSecondFactorCode: (challengeToken: string) =>
    mutate<{ sentTo: string }>(sendSecondFactorCode, 'sendSecondFactorCode', { challengeToken }),
  verifySecondFactor: (input: { challengeToken: string; code: string } | { challengeToken: string; credential: object }) =>
    mutate<object>(verifySecondFactor, 'verifySecondFactor', input),
  confirmIdentity: (password: string) => mutate<{ freshUntil: string }>(confirmIdentity, 'confirmIdentity', { password }),
  requestPasswordReset: (email: string) => mutate<object>(requestPasswordReset, 'requestPasswordReset', { email }),
  resetPassword: (input: { token: string; newPassword: string }) => mutate<object>(resetPassword, 'resetPassword', input),
  verifyEmail: (token: string) => mutate<{ user: { email: string | null } }>(verifyEmail, 'verifyEmail', { token }),
  signOut: () => mutate<{ ok: boolean }>(signOut, 'signOut', {}),
  acceptInvite: (token: string) =>
    mutate<{ nextStep: NextStep; member: { id: string; role: Role }; reinstated: Reinstated[] }>(
      acceptInvite,
      'acceptInvite',
      { token },
    ),
  notMe: async (token: string) => (await ask(notMe, { token }))['notMe'] as AccountAlert | null,
  reportNotMe: (token: string) => mutate<Reported>(reportNotMe, 'reportNotMe', { token }),
  twoFactorReset: async (token: string) =>
    (await ask(twoFactorReset, { token }))['twoFactorReset'] as TwoFactorResetRequest | null,
  confirmTwoFactorReset: (input: { token: string; password: string }) =>
    mutate<{ state: string }>(confirmTwoFactorReset, 'confirmTwoFactorReset', input),
  declineTwoFactorReset: (token: string) => mutate<{ state: string }>(declineTwoFactorReset, 'declineTwoFactorReset', { token }),
  enrollTOTP: () => mutate<{ secret: string; uri: string; qrCode: string }>(enrollTOTP, 'enrollTOTP', {}),
  confirmTOTP: (code: string) => mutate<Confirmed>(confirmTOTP, 'confirmTOTP', { code }),
  authenticatorKinds: async () => (await ask(authenticatorKinds))['authenticatorKinds'] as AuthenticatorKind[],
  startSecurityKeyEnrollment: (name: string) =>
    mutate<{ options: object }>(startSecurityKeyEnrollment, 'startSecurityKeyEnrollment', { name }),
  confirmSecurityKeyEnrollment: (credential: object) =>
    mutate<Confirmed>(confirmSecurityKeyEnrollment, 'confirmSecurityKeyEnrollment', { credential }),
  startSecurityKeyVerification: (challengeToken: string) =>
    mutate<{ options: object }>(startSecurityKeyVerification, 'startSecurityKeyVerification', { challengeToken }),
  enrollPhone: (number: string) => mutate<{ sentTo: string }>(enrollPhone, 'enrollPhone', { number }),
  confirmPhone: (code: string) => mutate<Confirmed>(confirmPhone, 'confirmPhone', { code }),
};
