/**
 * Leases: a node takes a share of what is left of a window in one trip to Redis, and spends it without another. Redis
 * has counted what is leased, so all nodes together never let more than the limit through. For example: 300 a minute,
 * of which 200 are left, and 10 percent: the trip that admits a request leases up to 19 more.
 *
 * A lease is as large as the last second's requests suggest, and is given back when it is a second old. So it is small
 * for who sends little, and other nodes' news (what Genesys has closed) is at most a second late. When little is left,
 * the share is nothing, and every request is counted in Redis again. Spike arrests, requests in flight and
 * limits with reserved shares are never leased: what they decide by is of all nodes at the moment.
 */
import { type Check, counterOf, generationOf, type Reading, type WindowCheck } from './counting.js';

/** What a trip to Redis asks for one check. */
export interface LeaseAsk {
  /** The largest lease that is of use. */
  want: number;
  /** The most of what is left; 0: no lease. */
  percent: number;
  /** What is given back, and the counter that it was taken from. */
  back: number;
  generation: number;
  birth: string;
}

/** What Redis has leased for one check. */
export interface Lease {
  amount: number;
  /** The number of the window. */
  generation: number;
  /** Tells a counter from another one under the same key. */
  birth: string;
}

/** A trip to Redis. */
export interface Trip {
  asks: readonly LeaseAsk[];
  begunMs: number;
}

export interface Leases {
  /** Counts a request against leases alone. @returns undefined if it must be counted in Redis */
  spend(checks: readonly Check[]): Reading | undefined;
  /** Begins a trip: takes what is to be given back out of this node's leases. */
  begin(checks: readonly Check[], percent: number): Trip;
  /** Ends a trip. @param answer undefined if there was none: what was given back is lost then */
  end(checks: readonly Check[], trip: Trip, answer: { reading: Reading; leases: readonly Lease[] } | undefined): void;
  /** Returns checks that cost nothing, for a trip that gives back leases older than a second, or all. */
  due(all: boolean): Check[];
  /** Costs, since the process started. */
  readonly totals: { leased: number; spent: number; returned: number };
}

/** How long a lease is used. */
const FRESH_MS = 1000;

/** What this node knows of one counter. */
interface Held {
  check: WindowCheck;
  left: number;
  generation: number;
  birth: string;
  /** What Redis had counted with the last trip, this node's lease included, and in the window before. */
  counted: number;
  previous: number;
  /** Redis' time during the last trip, and when that began: Redis' clock is at most the difference ahead of it now. */
  redisUs: number;
  begunMs: number;
  /** What requests have asked for since the last trip. */
  asked: number;
  /** How many trips are on their way. Only one of them asks for a lease. */
  trips: number;
}

const NOTHING = { left: 0, generation: 0, birth: '', counted: 0, previous: 0, redisUs: 0, asked: 0, trips: 0 };

/** @param nowMs monotonic */
export function createLeases(nowMs: () => number): Leases {
  const held = new Map<string, Held>();
  const totals = { leased: 0, spent: 0, returned: 0 };

  return {
    totals,
    spend(checks) {
      const now = nowMs();
      const leases = checks.map((check) => {
        const one = held.get(keyOf(check));
        if (one === undefined || !isLeasable(check)) return undefined;
        one.asked += check.cost;
        return isUsable(one, check, now) ? { one, check } : undefined;
      });
      if (leases.length === 0 || !leases.every((lease) => lease !== undefined)) return undefined;
      for (const { one, check } of leases) one.left -= check.cost;
      totals.spent += leases.reduce((sum, { check }) => sum + check.cost, 0);
      return {
        admitted: true,
        nowUs: Math.max(...leases.map(({ one }) => redisUsOf(one, now))),
        counters: leases.map(({ one, check }) => counterOf(check, one.counted - one.left, one.previous)),
      };
    },

    begin(checks, percent) {
      const now = nowMs();
      const asks = checks.map((check): LeaseAsk => {
        if (!isLeasable(check)) return { want: 0, percent: 0, back: 0, generation: 0, birth: '' };
        const key = keyOf(check);
        const one = held.get(key) ?? { ...NOTHING, check, begunMs: now };
        held.set(key, one);
        const perMs = one.asked / Math.max(1, now - one.begunMs);
        const want = one.trips > 0 ? 0 : Math.ceil(perMs * FRESH_MS);
        const { left: back, generation, birth } = one;
        one.check = check;
        one.left = 0;
        one.trips++;
        totals.returned += back;
        return { want, percent, back, generation, birth };
      });
      return { asks, begunMs: now };
    },

    end(checks, { begunMs }, answer) {
      for (const [index, check] of checks.entries()) {
        const one = held.get(keyOf(check));
        if (one === undefined || !isLeasable(check)) continue;
        one.trips--;
        const lease = answer?.leases[index];
        const counter = answer?.reading.counters[index];
        if (answer === undefined || lease === undefined || counter?.kind !== 'window') continue;
        totals.leased += lease.amount;
        // A lease of another window, or of a counter that is gone, is worth nothing.
        const isSame = lease.generation === one.generation && lease.birth === one.birth;
        // Two trips at once may answer in another order.
        if (answer.reading.nowUs < one.redisUs) {
          if (isSame) one.left += lease.amount;
          continue;
        }
        one.left = lease.amount + (isSame ? one.left : 0);
        one.counted = counter.current + lease.amount;
        one.previous = counter.previous;
        one.generation = lease.generation;
        one.birth = lease.birth;
        one.redisUs = answer.reading.nowUs;
        one.begunMs = begunMs;
        one.asked = 0;
      }
    },

    due(all) {
      const now = nowMs();
      const due: Check[] = [];
      for (const [key, { check, left, begunMs, trips }] of held) {
        if (trips > 0 || (!all && now - begunMs <= FRESH_MS)) continue;
        if (left > 0) due.push({ ...check, cost: 0 });
        else held.delete(key);
      }
      return due;
    },
  };
}

function isLeasable(check: Check): check is WindowCheck {
  return check.kind !== 'spike' && check.kind !== 'concurrent' && check.reserved === undefined;
}

function keyOf({ group, id }: Check): string {
  return `${group} ${id}`;
}

/** Returns Redis' time, or a little later: a lease ends early rather than late. */
function redisUsOf({ redisUs, begunMs }: Held, now: number): number {
  return Math.floor(redisUs + (now - begunMs) * 1000);
}

function isUsable(one: Held, check: WindowCheck, now: number): boolean {
  if (one.left < check.cost || now - one.begunMs > FRESH_MS) return false;
  return generationOf(check, redisUsOf(one, now) / 1000) === one.generation;
}
