// What the pages before the dashboard ask: signing in, links from mails, setting up a factor. Each answers with the payload.
import type { DocumentType } from './types';
import {
  AcceptInviteDocument,
  AccountDocument,
  AuthenticatorKindsDocument,
  ConfirmIdentityDocument,
  ConfirmPhoneDocument,
  ConfirmSecurityKeyEnrollmentDocument,
  ConfirmTotpDocument,
  ConfirmTwoFactorResetDocument,
  DeclineTwoFactorResetDocument,
  EnrollPhoneDocument,
  EnrollTotpDocument,
  InvitationDocument,
  NotMeDocument,
  PendingEmailDocument,
  PlacesDocument,
  ReportNotMeDocument,
  RequestPasswordResetDocument,
  ResetPasswordDocument,
  SendSecondFactorCodeDocument,
  SignInDocument,
  SignInWithPasskeyDocument,
  SignOutDocument,
  SignUpDocument,
  StartPasskeySignInDocument,
  StartSecurityKeyEnrollmentDocument,
  StartSecurityKeyVerificationDocument,
  TwoFactorResetDocument,
  VerifyEmailDocument,
  VerifySecondFactorDocument,
  ViewerDocument,
  type ConfirmIdentityInput,
  type ConfirmTwoFactorResetInput,
  type EnrollTotpInput,
  type ResetPasswordInput,
  type SignInInput,
  type SignUpInput,
  type VerifySecondFactorInput,
} from '../gql';
import { ask, change } from './client';

export { ApiError } from './error';
export type { AuthenticatorKind, NextStep, Role, SecondFactorMethod as Method } from '../gql';

export type Viewer = NonNullable<DocumentType<typeof ViewerDocument>['viewer']>;
export type Changing = NonNullable<DocumentType<typeof PendingEmailDocument>['viewer']>;
export type Invitation = NonNullable<DocumentType<typeof InvitationDocument>['invitation']>;
export type Confirmed = NonNullable<DocumentType<typeof ConfirmTotpDocument>['confirmTOTP']>;
export type Reinstated = Confirmed['reinstated'][number];
export type Challenge = NonNullable<NonNullable<DocumentType<typeof SignInDocument>['signIn']>['challenge']>;
export type AccountAlert = NonNullable<DocumentType<typeof NotMeDocument>['notMe']>;
export type Reported = NonNullable<DocumentType<typeof ReportNotMeDocument>['reportNotMe']>;
export type TwoFactorResetRequest = NonNullable<DocumentType<typeof TwoFactorResetDocument>['twoFactorReset']>;

export const api = {
  /** The short name of the viewer's newest organization of that name; null where there is none. */
  slugOf: async (name: string) =>
    (await ask(AccountDocument, {})).viewer?.memberships?.findLast(({ organization, status }) => organization.name === name && status === 'ACTIVE')
      ?.organization.slug ?? null,
  viewer: async () => (await ask(ViewerDocument, {})).viewer,
  /** The viewer's places in organizations. */
  places: async () => (await ask(PlacesDocument, {})).viewer?.memberships ?? [],
  /** The viewer, with the address that their account is about to change to. */
  changing: async () => (await ask(PendingEmailDocument, {})).viewer,
  invitation: (token: string) => ask(InvitationDocument, { token }),
  signUp: (input: SignUpInput) => change(SignUpDocument, input),
  signIn: (input: SignInInput) => change(SignInDocument, input),
  startPasskeySignIn: () => change(StartPasskeySignInDocument, {}),
  signInWithPasskey: (challengeToken: string, credential: object) => change(SignInWithPasskeyDocument, { challengeToken, credential }),
  // Without a challenge both are for confirmIdentity.
  sendSecondFactorCode: (challengeToken?: string) => change(SendSecondFactorCodeDocument, { challengeToken: challengeToken ?? null }),
  verifySecondFactor: (input: VerifySecondFactorInput) => change(VerifySecondFactorDocument, input),
  startSecurityKeyVerification: (challengeToken?: string) =>
    change(StartSecurityKeyVerificationDocument, { challengeToken: challengeToken ?? null }),
  confirmIdentity: (input: ConfirmIdentityInput) => change(ConfirmIdentityDocument, input),
  requestPasswordReset: (email: string) => change(RequestPasswordResetDocument, { email }),
  resetPassword: (input: ResetPasswordInput) => change(ResetPasswordDocument, input),
  verifyEmail: (token: string) => change(VerifyEmailDocument, { token }),
  signOut: () => change(SignOutDocument, {}),
  acceptInvite: (token: string) => change(AcceptInviteDocument, { token }),
  notMe: async (token: string) => (await ask(NotMeDocument, { token })).notMe,
  reportNotMe: (token: string) => change(ReportNotMeDocument, { token }),
  twoFactorReset: async (token: string) => (await ask(TwoFactorResetDocument, { token })).twoFactorReset,
  confirmTwoFactorReset: (input: ConfirmTwoFactorResetInput) => change(ConfirmTwoFactorResetDocument, input),
  declineTwoFactorReset: (token: string) => change(DeclineTwoFactorResetDocument, { token }),
  authenticatorKinds: async () => (await ask(AuthenticatorKindsDocument, {})).authenticatorKinds,
  enrollTOTP: (input: Partial<EnrollTotpInput>) => change(EnrollTotpDocument, input),
  confirmTOTP: (code: string) => change(ConfirmTotpDocument, { code }),
  startSecurityKeyEnrollment: (name?: string) => change(StartSecurityKeyEnrollmentDocument, name === undefined ? {} : { name }),
  confirmSecurityKeyEnrollment: (credential: object) => change(ConfirmSecurityKeyEnrollmentDocument, { credential }),
  enrollPhone: (number: string, name?: string) => change(EnrollPhoneDocument, { number, ...(name === undefined ? {} : { name }) }),
  confirmPhone: (code: string) => change(ConfirmPhoneDocument, { code }),
};
