/** What the token manager needs from the outside: time, HTTP, and somebody who counts. Tests put their own in. */
import type nodeFetch from 'node-fetch';
import { type Clock, realClock } from '../shared/clock.js';

/** How a token request ended: with a token, with a refusal that repeating does not change, or with trouble of login. */
export type TokenRequestResult = 'granted' | 'refused' | 'failed';

/** How this process came by a token: login was asked for it, or another node had asked and shared it through Redis. */
export type TokenOrigin = 'request' | 'redis';

/** Where a request's token came from: the memory of this process, or what it had to wait for. */
export type TokenSource = 'memory' | TokenOrigin;

export interface Effects extends Clock {
  loadFetch(): Promise<typeof nodeFetch>;
  /** Learns how a token request ended. */
  countTokenRequest?(result: TokenRequestResult): void;
  /** Learns where a request's token came from. */
  countTokenUse?(source: TokenSource): void;
}

/** The real ones. */
export const realEffects: Effects = {
  ...realClock,
  // On first use, not at start: it costs 9 MB of resident memory, and a plugin server must start under 60 MB.
  loadFetch: async () => (await import('node-fetch')).default,
};
