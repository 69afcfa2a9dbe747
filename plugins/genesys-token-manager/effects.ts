/** What the token manager needs from outside: time, HTTP and counters. Tests pass their own. */
import { type Clock, realClock } from '../shared/clock.js';
import { type FetchEffects, loadFetch } from '../shared/http/small-fetch.js';

/** How a token request ended: with a token, with a permanent refusal, or with a failure of login. */
export type TokenRequestResult = 'granted' | 'refused' | 'failed';

/** How this process got a token: from login, or through Redis from another node. */
export type TokenOrigin = 'request' | 'redis';

/** Where a request's token came from: this process' memory, or an origin that the request waited for. */
export type TokenSource = 'memory' | TokenOrigin;

export interface Effects extends Clock, FetchEffects {
  /** Counts a token request by how it ended. */
  countTokenRequest?(result: TokenRequestResult): void;
  /** Counts a request by where its token came from, and by whose it is. */
  countTokenUse?(source: TokenSource, clientId: string): void;
}

/** The effects outside tests. */
export const realEffects: Effects = { ...realClock, loadFetch };
