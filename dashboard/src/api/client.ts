// The one door to Muster's API: queries and mutations over HTTP, with the session's cookie.
import { cacheExchange, Client, fetchExchange, mapExchange, type TypedDocumentNode } from '@urql/core';

import { ViewerDocument } from '../gql';
import { ApiError, Cancelled, failure } from './error';
import { session } from './session';

export const client = new Client({
  url: '/graphql',
  preferGetMethod: false,
  // The mode stays `cors`, fetch's default: in any other, a page with `Referrer-Policy: no-referrer` sends
  // `Origin: null`, and the server accepts the session's cookie from its own origin only.
  fetchOptions: { credentials: 'same-origin', cache: 'no-store' },
  requestPolicy: 'cache-and-network',
  exchanges: [
    cacheExchange,
    mapExchange({
      onError(error) {
        // A wrong password is INVALID_CREDENTIALS: UNAUTHENTICATED is only ever said of a session.
        if (failure(error)?.code === 'UNAUTHENTICATED') session.ended();
      },
      onResult({ data }) {
        const viewer = (data as { viewer?: { id?: string } | null } | undefined)?.viewer;
        if (viewer === null || viewer?.id !== undefined) session.isOf(viewer?.id ?? null);
      },
    }),
    fetchExchange,
  ],
});

/** Asks once, past the cache; throws an ApiError where the answer is a refusal or does not come. */
export async function ask<Data, Variables extends object>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
  const result = await client.query(document, variables, { requestPolicy: 'network-only' }).toPromise();
  return answer(result.data, failure(result.error));
}

/** Whose session this browser has: an account's id, undefined for nobody's and where no answer comes. */
export async function whose(): Promise<string | undefined> {
  const { data } = await client.query(ViewerDocument, {}, { requestPolicy: 'network-only' }).toPromise();
  return data?.viewer?.id;
}

let looking: Promise<boolean> = Promise.resolve(true);

/** Asks whose session this browser has: in another tab somebody else may have signed in. */
export function look() {
  const asked = client.query(ViewerDocument, {}, { requestPolicy: 'network-only' }).toPromise();
  looking = asked.then(({ data }) => data === undefined || session.isOf(data.viewer?.id ?? null));
}

/** Changes something: every mutation has one input and one payload. Throws an ApiError where it is refused or no answer comes. */
export async function change<Data extends object, Input>(
  document: TypedDocumentNode<Data, { input: Input }>,
  input: Input,
): Promise<NonNullable<Data[keyof Data]>> {
  // Nothing is done in the name of somebody else than the page shows.
  if (!(await looking)) throw new Cancelled();
  const result = await client.mutation(document, { input }).toPromise();
  const payload = Object.values(answer(result.data, failure(result.error)))[0];
  if (payload === undefined || payload === null) throw unusable();
  return payload as NonNullable<Data[keyof Data]>;
}

function answer<Data>(data: Data | undefined, error: ApiError | null): Data {
  if (error !== null) throw error;
  if (data === undefined || data === null) throw unusable();
  return data;
}

const unusable = () => new ApiError('Muster gave no usable answer. Try again in a moment.', 'UNREACHABLE');
