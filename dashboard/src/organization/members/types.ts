import type { DocumentType } from '../../api/types';
import type { MemberDetailsDocument, MembersDocument } from '../../gql';

/** A member as the list has it. */
export type Member = NonNullable<NonNullable<NonNullable<DocumentType<typeof MembersDocument>['organization']>['members']>['nodes'][number]>;

/** A member with all that one may see of them. */
export type MemberDetails = NonNullable<NonNullable<DocumentType<typeof MemberDetailsDocument>['organization']>['member']>;

/** What somebody is called: by name, or by the address where they have not joined yet. */
export const called = ({ name, email }: Pick<Member, 'name' | 'email'>) => name ?? email ?? 'Somebody without a name';
