/**
 * What the body of a 429 of Genesys Cloud says about the limit that was met: `limit {key, namespace, value}` (ErrorBody
 * in Genesys' SDK, npm purecloud-platform-client-v2 262). Not every 429 has it. Pure.
 */
import { property } from './property.js';

/** A 429 is this long at most. A longer body is not read. */
export const MAX_ERROR_BYTES = 65_536;

/**
 * Returns whether the limit counts each token for itself, or all tokens of the organisation together.
 *
 * Keys of the first kind name the token (`client.credentials.token.rate.per.minute`, `token.rate.per.minute`). All
 * others are limits of an operation, an OAuth client or the organisation: another token would not help.
 * @param body the decoded body of a 429
 * @returns undefined if the body does not say
 */
export function limitScope(body: string): 'token' | 'organization' | undefined {
  let limit: unknown;
  try {
    limit = property(JSON.parse(body), 'limit');
  } catch {
    return undefined;
  }
  const key = property(limit, 'key');
  if (typeof key !== 'string' || key === '') return undefined;
  return key.split(/[._-]/).includes('token') ? 'token' : 'organization';
}
