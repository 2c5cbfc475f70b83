import type { CombinedError } from '@urql/core';
import type { GraphQLError } from 'graphql';

import type { ErrorCode } from '../gql';

/** A refusal or a failure. Its message is a sentence for the person in front of the page: the server's own, where it sent one. */
export class ApiError extends Error {
  /** Of the schema, or UNREACHABLE where no answer of Muster arrived, or BROWSER where the browser refused. */
  readonly code: ErrorCode | 'UNREACHABLE' | 'BROWSER';
  /** The input field that is not acceptable, where the server names one. */
  readonly field: string | undefined;
  /** Where more of them come after a pause: how many seconds it has to be. */
  readonly retryAfter: number | undefined;
  /** Where what was asked for has been trimmed: the first sequence that is kept. */
  readonly first: number | undefined;

  constructor(message: string, code: ApiError['code'], details: { field?: string; retryAfter?: number; first?: number } = {}) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.field = details.field;
    this.retryAfter = details.retryAfter;
    this.first = details.first;
  }
}

/** The person has changed their mind: nothing was done, and nobody has to be told. */
export class Cancelled extends Error {
  constructor() {
    super('Cancelled');
    this.name = 'Cancelled';
  }
}

/** Whether trying again may mend it. */
export const passing = ({ code }: ApiError): boolean => code === 'INTERNAL' || code === 'RATE_LIMITED' || code === 'UNREACHABLE';

/** The first error of an answer, which is the one that the server refused for. */
export function refusal(error: Pick<GraphQLError, 'message' | 'extensions'>): ApiError {
  const { code, field, retryAfter, first } = error.extensions as { code?: ErrorCode; field?: string; retryAfter?: number; first?: number };
  return new ApiError(error.message, code ?? 'INTERNAL', {
    ...(field === undefined ? {} : { field }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(first === undefined ? {} : { first }),
  });
}

/** What an operation of urql failed with; null where it did not. */
export function failure(error: CombinedError | undefined): ApiError | null {
  if (error === undefined) return null;
  const first = error.graphQLErrors[0];
  if (first !== undefined) return refusal(first);
  return new ApiError('Muster cannot be reached. Check your connection and try again.', 'UNREACHABLE');
}
