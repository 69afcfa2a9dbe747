/** Where requests are counted: the contract of local-counters.ts and redis-counters.ts. */

import type { Closure } from '../genesys-limits/closures.js';
import type { Check, Reading } from './counting.js';

/**
 * What to do with what other nodes know Genesys to have closed. `report`: tell of it instead of counting; `learn`: tell
 * of it, and count; `ignore`: nothing.
 */
export type ClosureMode = 'report' | 'learn' | 'ignore';

export interface Counters {
  /**
   * Counts one request against all checks at once, or against none of them. Atomic.
   * @param maxDelayUs how long a spike arrest may hold the request back; its place is then reserved
   */
  admit(checks: readonly Check[], maxDelayUs: number, mode: ClosureMode): CountersAnswer | Promise<CountersAnswer>;
}

/** `reading` is undefined if there are closures to look at first. */
export interface CountersAnswer {
  reading: Reading | undefined;
  closures: readonly Closure[];
}
