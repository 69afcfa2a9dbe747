/**
 * The arithmetic of limits: what a request needs of each, whether it fits, when it would, and how much is left. Pure; the
 * time comes in. redis-counters.ts says the same in Lua, and a test holds both against each other.
 */

/** What one request asks of one counter. */
export type Check = WindowCheck | SpikeCheck;

interface Counted {
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
export interface WindowCheck extends Counted {
  kind: 'sliding' | 'fixed';
  limit: number;
  windowMs: number;
  /** At most `limit`: a request that costs more than everything needs everything. */
  cost: number;
}

/** At least `emissionUs` between requests, with `burst` at once after a pause. */
export interface SpikeCheck extends Counted {
  kind: 'spike';
  emissionUs: number;
  burst: number;
}

/** A counter of a window: what it holds for the window of now, and for the one before. */
export interface WindowState {
  current: number;
  previous: number;
}

/** A counter of a spike arrest: the theoretical arrival time of GCRA (ITU-T I.371), in µs since 1970. */
export interface SpikeState {
  tatUs: number;
}

export type CounterState = WindowState | SpikeState;

/**
 * How counters stand, looked at all at once: after the request was counted if it was admitted, else as they were.
 * `states` has the order of the checks.
 */
export interface Reading {
  admitted: boolean;
  nowUs: number;
  states: CounterState[];
}

/** How long a counter matters after it was last counted up: it may be dropped two of these later. */
export function generationMs(check: Check): number {
  if (check.kind !== 'spike') return check.windowMs;
  // Its time may lie ahead by the burst, and by the wait that a held request has reserved.
  return Math.max(1000, Math.ceil((check.emissionUs * check.burst) / 1000) + MAX_RESERVED_MS);
}

/** The longest `max_wait_ms`. */
export const MAX_RESERVED_MS = 20_000;

/**
 * Whether a request fits into a window. Sliding: the window before counts by the part of it that is not yet a window
 * ago, as if its requests had come evenly.
 * @param elapsedMs since the window began
 */
export function fitsWindow(
  { kind, limit, windowMs, cost }: WindowCheck,
  state: WindowState,
  elapsedMs: number,
): boolean {
  const asked = state.current + cost;
  if (kind === 'fixed') return asked <= limit;
  // Multiplied out, so that whole numbers are compared.
  return state.previous * (windowMs - elapsedMs) + asked * windowMs <= limit * windowMs;
}

/** When a request would fit into a window if nothing else came: in so many milliseconds. 0: it fits. */
export function windowWaitMs(check: WindowCheck, state: WindowState, elapsedMs: number): number {
  if (fitsWindow(check, state, elapsedMs)) return 0;
  const { kind, limit, windowMs, cost } = check;
  const toNextMs = windowMs - elapsedMs;
  if (kind === 'fixed') return toNextMs;
  const room = limit - cost - state.current;
  if (room >= 0) return Math.min(toNextMs, fallsToMs(state.previous, room, windowMs) - elapsedMs);
  return toNextMs + fallsToMs(state.current, limit - cost, windowMs);
}

/** How long after the beginning of its window what was counted in the window before weighs no more than `room`. */
function fallsToMs(previous: number, room: number, windowMs: number): number {
  return previous <= room ? 0 : Math.ceil(windowMs - (room * windowMs) / previous);
}

/** How much is left of a window, in requests of cost 1. */
export function windowRemaining({ kind, limit, windowMs }: WindowCheck, state: WindowState, elapsedMs: number): number {
  const carried = kind === 'fixed' ? 0 : (state.previous * (windowMs - elapsedMs)) / windowMs;
  return Math.max(0, Math.floor(limit - carried - state.current));
}

/** How long a request would have to wait, in µs; 0: it can go now. */
export function spikeDelayUs({ emissionUs, burst }: SpikeCheck, { tatUs }: SpikeState, nowUs: number): number {
  return Math.max(0, Math.max(tatUs, nowUs) + emissionUs - emissionUs * burst - nowUs);
}

/** The state after a request was let through, now or after its delay. */
export function spikeCounted({ emissionUs }: SpikeCheck, { tatUs }: SpikeState, nowUs: number): SpikeState {
  return { tatUs: Math.max(tatUs, nowUs) + emissionUs };
}

/** What a reading means for the request. */
export type Judgement =
  /** `delayMs`: the time until the place that was reserved for it. */
  | { admitted: true; delayMs: number; tightest: Tightest | undefined }
  /** `waitMs`: until it would fit into all limits, if nothing else came. */
  | { admitted: false; waitMs: number; tightest: Tightest; check: Check };

/** The limit that a client should mind most. */
export interface Tightest {
  limit: number;
  remaining: number;
  /** Until it is worth asking again, or the window ends. */
  resetMs: number;
}

/** Reads what counters say. Spike arrests have no quota to tell of, unless one of them refuses. */
export function judge(checks: readonly Check[], { admitted, nowUs, states }: Reading): Judgement {
  const nowMs = Math.floor(nowUs / 1000);
  let delayMs = 0;
  let tightest: Tightest | undefined;
  let longest: { check: Check; waitMs: number } | undefined;
  checks.forEach((check, index) => {
    if (check.kind === 'spike') {
      const state = states[index] as SpikeState;
      if (admitted) {
        const dueUs = state.tatUs - check.emissionUs * check.burst;
        delayMs = Math.max(delayMs, Math.ceil((dueUs - nowUs) / 1000));
        return;
      }
      const waitMs = Math.ceil(spikeDelayUs(check, state, nowUs) / 1000);
      if (waitMs > 0 && waitMs > (longest?.waitMs ?? 0)) longest = { check, waitMs };
      return;
    }
    const state = states[index] as WindowState;
    const elapsedMs = nowMs % check.windowMs;
    if (!admitted) {
      const waitMs = windowWaitMs(check, state, elapsedMs);
      if (waitMs > 0 && waitMs >= (longest?.waitMs ?? 0)) longest = { check, waitMs };
      return;
    }
    const remaining = windowRemaining(check, state, elapsedMs);
    if (tightest === undefined || remaining < tightest.remaining) {
      tightest = { limit: check.limit, remaining, resetMs: check.windowMs - elapsedMs };
    }
  });
  if (admitted) return { admitted, delayMs, tightest };
  // Only if Redis' clock was set back: it says no until it is there again.
  longest ??= { check: checks[0] as Check, waitMs: 1000 };
  const { check, waitMs } = longest;
  const limit = check.kind === 'spike' ? check.burst : check.limit;
  return { admitted: false, waitMs, check, tightest: { limit, remaining: 0, resetMs: waitMs } };
}
