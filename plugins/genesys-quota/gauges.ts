/**
 * How full the counters are that requests have met last, for operators: `GET /budgets`. As this node has seen them, also
 * where Redis counts. A counter has a consumer's name or none: an address or a value that a client chose is not shown.
 */
import {
  type Counter as AnyCounter,
  generationOf,
  type Reading,
  type SpikeCheck,
  type SpikeState,
  type WindowCheck,
  type WindowState,
  windowLeftMs,
  windowRemaining,
} from './limits/counting.js';

export interface Gauge {
  limit: string;
  /** The consumer; `everyone` of a limit for all; undefined: the fullest of several that have no name here. */
  who: string | undefined;
  used: number;
  of: number;
  /** Until the window ends; undefined of a spike arrest, which has none. */
  resetsInMs: number | undefined;
}

export interface Gauges {
  /** Remembers the counters of a request. */
  note(reading: Reading): void;
  /** Returns the gauges, the fullest first. @param nowUs in µs since 1970 */
  read(nowUs: number): Gauge[];
}

/** Requests in flight end without being counted again: what was seen last would stay. The metrics have them. */
type Counter = Exclude<AnyCounter, { kind: 'concurrent' }>;

/** More than a page shows. The counters that were met least recently are dropped. */
const MAX_COUNTERS = 500;
const MAX_SHOWN = 50;

export function createGauges(): Gauges {
  const counters = new Map<string, { counter: Counter; nowUs: number }>();
  return {
    note({ counters: met, nowUs }) {
      for (const counter of met) {
        if (counter.kind === 'concurrent') continue;
        const key = `${counter.check.group} ${counter.check.id}`;
        // Moves it to the end.
        counters.delete(key);
        counters.set(key, { counter, nowUs });
      }
      for (const key of counters.keys()) {
        if (counters.size <= MAX_COUNTERS) break;
        counters.delete(key);
      }
    },
    read(nowUs) {
      const fullest = new Map<string, Gauge>();
      for (const { counter, nowUs: thenUs } of counters.values()) {
        const gauge = gaugeOf(counter, thenUs, nowUs);
        const key = JSON.stringify([counter.check.group, gauge.who]);
        const known = fullest.get(key);
        if (known === undefined || ratioOf(gauge) > ratioOf(known)) fullest.set(key, gauge);
      }
      return [...fullest.values()].sort((one, other) => ratioOf(other) - ratioOf(one)).slice(0, MAX_SHOWN);
    },
  };
}

function ratioOf({ used, of }: Gauge): number {
  return used / of;
}

function gaugeOf(counter: Counter, thenUs: number, nowUs: number): Gauge {
  const { name: limit, who } = counter.check;
  if (counter.kind === 'spike')
    return { limit, who, ...spikeUse(counter.check, counter, nowUs), resetsInMs: undefined };
  const { check } = counter;
  const leftMs = windowLeftMs(check, nowUs);
  const used = check.limit - windowRemaining(check, stateAt(check, counter, thenUs, nowUs), leftMs);
  return { limit, who, used, of: check.limit, resetsInMs: leftMs };
}

/** Returns what is left of a counter's counts some time later. */
function stateAt(check: WindowCheck, state: WindowState, thenUs: number, nowUs: number): WindowState {
  const passed = generationOf(check, nowUs / 1000) - generationOf(check, thenUs / 1000);
  if (passed <= 0) return state;
  return { current: 0, previous: passed === 1 ? state.current : 0 };
}

function spikeUse({ emissionUs, burst }: SpikeCheck, { tatUs }: SpikeState, nowUs: number) {
  return { used: Math.min(burst, Math.max(0, Math.ceil((tatUs - nowUs) / emissionUs))), of: burst };
}
