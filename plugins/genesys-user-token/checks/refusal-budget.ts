/**
 * How many tokens Genesys may refuse before unknown ones are not checked any more: by client address, and in total. So
 * random tokens use up neither Genesys' patience nor memory. Callers pass the time.
 */
import { networkOf } from './network.js';

export interface RefusalLimits {
  refusedPerAddress: number;
  refusedInTotal: number;
}

export interface RefusalBudget {
  /** Returns how long unknown tokens of an address are not checked; 0 if they are. */
  waitMs(address: string, limits: RefusalLimits, nowMs: number): number;
  /** Counts a token that was refused. */
  count(address: string, nowMs: number): void;
}

const WINDOW_MS = 60_000;

/** Makes an empty budget. It holds one number for each address that was refused in this minute. */
export function createRefusalBudget(): RefusalBudget {
  const byNetwork = new Map<string, number>();
  let total = 0;
  let endsMs = 0;

  function startWindow(nowMs: number): void {
    if (nowMs < endsMs) return;
    byNetwork.clear();
    total = 0;
    endsMs = nowMs + WINDOW_MS;
  }

  return {
    waitMs(address, { refusedPerAddress, refusedInTotal }, nowMs) {
      startWindow(nowMs);
      const ofAddress = byNetwork.get(networkOf(address)) ?? 0;
      return total >= refusedInTotal || ofAddress >= refusedPerAddress ? endsMs - nowMs : 0;
    },
    count(address, nowMs) {
      startWindow(nowMs);
      const network = networkOf(address);
      byNetwork.set(network, (byNetwork.get(network) ?? 0) + 1);
      total += 1;
    },
  };
}
