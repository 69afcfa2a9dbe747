/**
 * The arithmetic of limits: what a request needs from each, whether it fits, and when it would. Pure: callers pass the
 * time. redis-counters.ts does the same in Lua, and a test compares the two.
 */

import { draw, heldFrom, keptOf, type Reserved } from './shares.js';

/** What one request asks of one counter. */
export type Check = WindowCheck | SpikeCheck | ConcurrentCheck;

interface Asked {
  /** The limit's name, for messages. */
  name: string;
  /** The family of its counter: all counters of one limit. */
  group: string;
  /** Its counter in the family. Empty if the request lacks the identity. */
  id: string;
  /** How many counters the family may have; 0 if the identity cannot vary. */
  maxIdentities: number;
  /** Whose counter it is, for operators; left out if they may not see the identity. */
  who?: string | undefined;
}

/** Allows a cost of `limit` in each window. */
export interface WindowCheck extends Asked {
  /** `month`: fixed, in months of the calendar (UTC). */
  kind: 'sliding' | 'fixed' | 'month';
  limit: number;
  /** The length of a window; of a month, the longest. */
  windowMs: number;
  /** How long after 1970, or after the first of the month, windows begin. Left out: at once. A sliding one has none. */
  shiftMs?: number;
  /** At most `limit`: a request that costs more needs all of the window. */
  cost: number;
  /** From which share of the limit on to warn, and of whom: empty if the log may not name the identity. */
  warn?: { percent: number; who: string } | undefined;
  /** Whether it is a budget of the calendar, whose end is worth a forecast. */
  isBudget?: boolean;
  /** What is reserved of the limit for some consumers. */
  reserved?: Reserved | undefined;
}

/** Keeps requests `emissionUs` apart, but lets `burst` of them through at once after a pause. */
export interface SpikeCheck extends Asked {
  kind: 'spike';
  emissionUs: number;
  burst: number;
}

/** Lets `limit` requests be in flight at once. */
export interface ConcurrentCheck extends Asked {
  kind: 'concurrent';
  limit: number;
  /** How long a request counts if nobody says that it has ended. */
  ttlMs: number;
  /** What names the request among those in flight. */
  place: string;
}

/** The counts of the current window and of the previous one. */
export interface WindowState {
  current: number;
  previous: number;
  /** What is kept of each reserved share now; left out if nothing is reserved. */
  kept?: readonly number[] | undefined;
}

/** The theoretical arrival time of GCRA (ITU-T I.371), in µs since 1970. */
export interface SpikeState {
  tatUs: number;
}

/** A counter, before or after one request was counted. */
export type Counter =
  | ({ kind: 'window'; check: WindowCheck } & WindowState)
  | ({ kind: 'spike'; check: SpikeCheck } & SpikeState)
  | { kind: 'concurrent'; check: ConcurrentCheck; inFlight: number };

/** All counters of a request, read at once. They include the request if it was admitted. */
export interface Reading {
  admitted: boolean;
  nowUs: number;
  /** In the order of the checks. */
  counters: readonly Counter[];
}

/** Makes a counter from what is stored for this window and for the previous one, or from the requests in flight. */
export function counterOf(check: Check, current: number, previous: number, kept?: readonly number[]): Counter {
  if (check.kind === 'concurrent') return { kind: 'concurrent', check, inFlight: current };
  if (check.kind === 'spike') return { kind: 'spike', check, tatUs: Math.max(current, previous) };
  if (kept === undefined) return { kind: 'window', check, current, previous };
  return { kind: 'window', check, current, previous, kept };
}

/** Returns whether a request may go on now, or after a spike arrest's delay of at most `maxDelayUs`. */
export function fits(counter: Counter, nowUs: number, maxDelayUs: number): boolean {
  if (counter.kind === 'spike') return spikeDelayUs(counter.check, counter, nowUs) <= maxDelayUs;
  if (counter.kind === 'concurrent') return counter.inFlight < counter.check.limit;
  return fitsWindow(counter.check, counter, windowLeftMs(counter.check, nowUs));
}

/** Returns the counter with one more request, which goes on now or after its delay. */
export function countUp(counter: Counter, nowUs: number): Counter {
  if (counter.kind === 'spike') return { ...counter, tatUs: Math.max(counter.tatUs, nowUs) + counter.check.emissionUs };
  if (counter.kind === 'concurrent') return { ...counter, inFlight: counter.inFlight + 1 };
  const { check, kept } = counter;
  const current = counter.current + check.cost;
  if (kept === undefined || check.reserved === undefined) return { ...counter, current };
  return { ...counter, current, kept: draw(check.reserved, check.cost, kept) };
}

/** A check whose counters are kept in generations. */
export type CountedCheck = WindowCheck | SpikeCheck;

/** Returns how long a counter matters after its last request. It may be dropped after twice that time. */
export function generationMs(check: CountedCheck): number {
  if (check.kind !== 'spike') return check.windowMs;
  // Its arrival time may be ahead by the burst, and by the wait that a held request has reserved.
  return Math.max(1000, Math.ceil((check.emissionUs * check.burst) / 1000) + MAX_RESERVED_MS);
}

/** The longest `max_wait_ms`. */
const MAX_RESERVED_MS = 20_000;

/** Returns the number of the generation that a time belongs to. Each is one more than the one before it. */
export function generationOf(check: CountedCheck, nowMs: number): number {
  const { kind } = check;
  if (kind === 'spike') return Math.floor(nowMs / generationMs(check));
  const { windowMs, shiftMs = 0 } = check;
  return kind === 'month' ? monthOf(nowMs - shiftMs) : Math.floor((nowMs - shiftMs) / windowMs);
}

/** Returns the milliseconds until the check's window ends. */
export function windowLeftMs(check: WindowCheck, nowUs: number): number {
  const { kind, windowMs, shiftMs = 0 } = check;
  const nowMs = Math.floor(nowUs / 1000) - shiftMs;
  return kind === 'month' ? Date.UTC(1970, monthOf(nowMs) + 1) - nowMs : windowMs - (nowMs % windowMs);
}

/**
 * Returns the milliseconds that reserved shares are kept for: until the window ends, as if each month had 31 days. A
 * little is kept until the end of a shorter one.
 */
export function keptForMs(check: WindowCheck, nowUs: number): number {
  const { kind, windowMs, shiftMs = 0 } = check;
  if (kind !== 'month') return windowLeftMs(check, nowUs);
  const nowMs = Math.floor(nowUs / 1000) - shiftMs;
  return windowMs - (nowMs - Date.UTC(1970, monthOf(nowMs)));
}

/** Returns when a window begins, in milliseconds since 1970. */
export function windowBeginsMs({ kind, windowMs, shiftMs = 0 }: WindowCheck, generation: number): number {
  return shiftMs + (kind === 'month' ? Date.UTC(1970, generation) : generation * windowMs);
}

/** Returns the months since January 1970 (UTC). */
function monthOf(ms: number): number {
  const date = new Date(ms);
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
}

/**
 * Returns whether a request fits into a window. A sliding window also counts a share of the previous one, as if its
 * requests had come evenly: 15 seconds into a minute, it counts 75 % of them.
 * @param leftMs milliseconds until the window ends
 */
export function fitsWindow(check: WindowCheck, state: WindowState, leftMs: number): boolean {
  const { kind, limit, windowMs, cost, reserved } = check;
  const held = reserved !== undefined && state.kept !== undefined ? heldFrom(reserved, cost, state.kept) : 0;
  const asked = state.current + cost + held;
  if (kind !== 'sliding') return asked <= limit;
  // Multiplied out, to compare whole numbers.
  return state.previous * leftMs + asked * windowMs <= limit * windowMs;
}

/** Returns in how many milliseconds a request would fit into a window if no other came; 0 if it fits now. */
export function windowWaitMs(check: WindowCheck, state: WindowState, leftMs: number): number {
  if (fitsWindow(check, state, leftMs)) return 0;
  const { kind, limit, windowMs, cost } = check;
  if (kind !== 'sliding') return leftMs;
  const room = limit - cost - state.current;
  if (room >= 0) return Math.min(leftMs, fallsToMs(state.previous, room, windowMs) - (windowMs - leftMs));
  return leftMs + fallsToMs(state.current, limit - cost, windowMs);
}

/**
 * Returns in how many milliseconds a request would fit into a window of which something is reserved, if no other came:
 * what is kept for others becomes less from millisecond to millisecond, and begins anew with the next window.
 */
export function reservedWaitMs(check: WindowCheck, state: WindowState, nowUs: number): number {
  const { windowMs, reserved } = check;
  const [leftMs, forMs] = [windowLeftMs(check, nowUs), keptForMs(check, nowUs)];
  const fitsWith = (counts: WindowState, endsMs: number, keptMs: number): boolean =>
    fitsWindow(check, { ...counts, kept: reserved && keptOf(reserved, counts.kept, keptMs, windowMs) }, endsMs);
  const [next, later] = [{ current: 0, previous: state.current }, NOTHING];
  const windows: [number, (ms: number) => boolean][] = [
    [leftMs, (ms) => fitsWith(state, leftMs - ms, forMs - ms)],
    [windowMs, (ms) => fitsWith(next, windowMs - ms, windowMs - ms)],
    [windowMs, (ms) => fitsWith(later, windowMs - ms, windowMs - ms)],
  ];
  let passedMs = 0;
  for (const [lengthMs, fits] of windows) {
    if (fits(lengthMs - 1)) return passedMs + firstOf(lengthMs, fits);
    passedMs += lengthMs;
  }
  return passedMs;
}

const NOTHING: WindowState = { current: 0, previous: 0 };

/** Returns the first of so many milliseconds from which on a condition holds. */
function firstOf(count: number, holds: (ms: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Returns how many milliseconds into a window the share of the previous one falls to `room`. */
function fallsToMs(previous: number, room: number, windowMs: number): number {
  return previous <= room ? 0 : Math.ceil(windowMs - (room * windowMs) / previous);
}

/** Returns how much is left of a window, in requests of cost 1. */
export function windowRemaining({ kind, limit, windowMs }: WindowCheck, state: WindowState, leftMs: number): number {
  const carried = kind === 'sliding' ? (state.previous * leftMs) / windowMs : 0;
  return Math.max(0, Math.floor(limit - carried - state.current));
}

/** Returns how long a spike arrest delays a request, in µs; 0 if it can go now. */
export function spikeDelayUs({ emissionUs, burst }: SpikeCheck, { tatUs }: SpikeState, nowUs: number): number {
  return Math.max(0, Math.max(tatUs, nowUs) + emissionUs - emissionUs * burst - nowUs);
}
