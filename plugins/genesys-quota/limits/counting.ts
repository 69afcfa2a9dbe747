/**
 * The arithmetic of limits: what a request needs of each, whether it fits, and when it would. Pure; the time comes in.
 * redis-counters.ts says the same in Lua, and a test compares the two.
 */

/** What one request asks of one counter. */
export type Check = WindowCheck | SpikeCheck;

interface Asked {
  /** The limit's name, for messages. */
  name: string;
  /** Which family of counters: those of one limit. */
  group: string;
  /** Which of the family. Empty: requests that lack the identity. */
  id: string;
  /** How many counters the family may have; 0: the identity cannot vary. */
  maxIdentities: number;
}

/** At most `limit` in a window. */
export interface WindowCheck extends Asked {
  kind: 'sliding' | 'fixed';
  limit: number;
  windowMs: number;
  /** At most `limit`: a request that costs more than everything needs everything. */
  cost: number;
}

/** At least `emissionUs` between requests, with `burst` at once after a pause. */
export interface SpikeCheck extends Asked {
  kind: 'spike';
  emissionUs: number;
  burst: number;
}

/** What a window's counter holds for the window of now, and for the one before. */
export interface WindowState {
  current: number;
  previous: number;
}

/** The theoretical arrival time of GCRA (ITU-T I.371), in µs since 1970. */
export interface SpikeState {
  tatUs: number;
}

/** A counter as one check of a request finds or leaves it. */
export type Counter =
  | ({ kind: 'window'; check: WindowCheck } & WindowState)
  | ({ kind: 'spike'; check: SpikeCheck } & SpikeState);

/** All counters of a request, read at once: after it was counted if it was admitted, else as they were. */
export interface Reading {
  admitted: boolean;
  nowUs: number;
  /** In the order of the checks. */
  counters: readonly Counter[];
}

/** Makes a counter of what is stored for it in this window and in the one before. */
export function counterOf(check: Check, current: number, previous: number): Counter {
  return check.kind === 'spike'
    ? { kind: 'spike', check, tatUs: Math.max(current, previous) }
    : { kind: 'window', check, current, previous };
}

/** Returns whether a request may go, after a delay of at most `maxDelayUs` that a spike arrest asks for. */
export function fits(counter: Counter, nowUs: number, maxDelayUs: number): boolean {
  if (counter.kind === 'spike') return spikeDelayUs(counter.check, counter, nowUs) <= maxDelayUs;
  return fitsWindow(counter.check, counter, elapsedMs(counter.check, nowUs));
}

/** Returns the counter after a request was let through, now or after its delay. */
export function countUp(counter: Counter, nowUs: number): Counter {
  if (counter.kind === 'spike') return { ...counter, tatUs: Math.max(counter.tatUs, nowUs) + counter.check.emissionUs };
  return { ...counter, current: counter.current + counter.check.cost };
}

/** How long a counter matters after it was last counted up: it may be dropped two of these later. */
export function generationMs(check: Check): number {
  if (check.kind !== 'spike') return check.windowMs;
  // Its time may lie ahead by the burst, and by the wait that a held request has reserved.
  return Math.max(1000, Math.ceil((check.emissionUs * check.burst) / 1000) + MAX_RESERVED_MS);
}

/** The longest `max_wait_ms`. */
const MAX_RESERVED_MS = 20_000;

/** Returns the milliseconds since the check's window began. */
export function elapsedMs({ windowMs }: WindowCheck, nowUs: number): number {
  return Math.floor(nowUs / 1000) % windowMs;
}

/**
 * Returns whether a request fits into a window. Sliding: the window before counts by the part of it that is less than a
 * window ago, as if its requests had come evenly.
 * @param elapsed milliseconds since the window began
 */
export function fitsWindow({ kind, limit, windowMs, cost }: WindowCheck, state: WindowState, elapsed: number): boolean {
  const asked = state.current + cost;
  if (kind === 'fixed') return asked <= limit;
  // Multiplied out, so that whole numbers are compared.
  return state.previous * (windowMs - elapsed) + asked * windowMs <= limit * windowMs;
}

/** Returns in how many milliseconds a request would fit into a window if nothing else came. 0: it fits. */
export function windowWaitMs(check: WindowCheck, state: WindowState, elapsed: number): number {
  if (fitsWindow(check, state, elapsed)) return 0;
  const { kind, limit, windowMs, cost } = check;
  const toNextMs = windowMs - elapsed;
  if (kind === 'fixed') return toNextMs;
  const room = limit - cost - state.current;
  if (room >= 0) return Math.min(toNextMs, fallsToMs(state.previous, room, windowMs) - elapsed);
  return toNextMs + fallsToMs(state.current, limit - cost, windowMs);
}

/** How long after the beginning of its window what was counted in the window before weighs no more than `room`. */
function fallsToMs(previous: number, room: number, windowMs: number): number {
  return previous <= room ? 0 : Math.ceil(windowMs - (room * windowMs) / previous);
}

/** Returns how much is left of a window, in requests of cost 1. */
export function windowRemaining({ kind, limit, windowMs }: WindowCheck, state: WindowState, elapsed: number): number {
  const carried = kind === 'fixed' ? 0 : (state.previous * (windowMs - elapsed)) / windowMs;
  return Math.max(0, Math.floor(limit - carried - state.current));
}

/** Returns how long a request would have to wait for a spike arrest, in µs; 0: it can go now. */
export function spikeDelayUs({ emissionUs, burst }: SpikeCheck, { tatUs }: SpikeState, nowUs: number): number {
  return Math.max(0, Math.max(tatUs, nowUs) + emissionUs - emissionUs * burst - nowUs);
}
