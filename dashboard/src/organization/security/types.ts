import type { DocumentType } from '../../api/types';
import type { RequirementDocument } from '../../gql';

/** An organization's security settings. */
export type Requirement = NonNullable<DocumentType<typeof RequirementDocument>['organization']>;

/** What requiring 2FA would do now. */
export type Impact = NonNullable<Requirement['require2FAImpact']>;

export type Sweep = NonNullable<Requirement['sweep']>;

/** A number with its noun: "1 member", "1,200 members". */
export const counted = (n: number, one: string, many = `${one}s`) => `${n.toLocaleString('en-GB')} ${n === 1 ? one : many}`;
