/**
 * Limits the time that patterns may search. Every entry has the time that ordinary searches take, and some more. That
 * extra time is limited for each entry, and for all entries together to a share of the process' time: texts that are
 * made to be slow take nothing from other requests.
 */
import type { Clock } from '../../shared/clock.js';
import { OMITTED } from './masks.js';
import type { PatternRule } from './patterns.js';
import type { Tally } from './tally.js';
import { runWithin } from './time-limit.js';

/** Every entry has this, and so much for each character and pattern. Most take less than a tenth. */
const ORDINARY_MS = 1;
const ORDINARY_MS_PER_CHARACTER = 0.000003;
/** The extra time of an entry. */
const MAX_EXTRA_MS = 25;
/** The extra time of all entries: this share of the time, of which so much is saved. */
const EXTRA_SHARE = 0.05;
const MAX_SAVED_MS = 50;
/** One of so many short searches is timed, by chance, and counts for all: most take less than a look at the clock. */
const SHORT_PER_TIMED = 16;
/** A short search that took longer is repeated and measured in processor time: it may only have waited. */
const DOUBTFUL_MS = 0.05;
/** A search that was stopped while the process waited for the processor is tried again, so often. */
const MAX_ATTEMPTS = 5;
const WARN_EVERY_MS = 60_000;
const IGNORE = (): void => {};

/** Says that patterns took too long: what they have not searched must not be shown. */
export class SlowPattern extends Error {
  override readonly name = 'SlowPattern';
  readonly pattern: string;

  constructor(pattern: string) {
    super('a pattern took too long');
    this.pattern = pattern;
  }
}

/** Holds the extra time of all entries of a process. */
export class ExtraSearchTime {
  readonly #clock: Pick<Clock, 'nowMs' | 'random'>;
  /** Returns the processor time of the process so far. */
  readonly processorMs: () => number;
  #savedMs = MAX_SAVED_MS;
  #savedAt: number;
  readonly #warnedAt = new Map<string, number>();
  #warning: string | undefined;

  constructor(clock: Pick<Clock, 'nowMs' | 'random'>, processorMs = processorMsOfThisProcess) {
    this.#clock = clock;
    this.processorMs = processorMs;
    this.#savedAt = clock.nowMs();
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  random(): number {
    return this.#clock.random();
  }

  /** Returns what is left; below 0 if more was taken. */
  get leftMs(): number {
    const now = this.nowMs();
    this.#savedMs = Math.min(MAX_SAVED_MS, this.#savedMs + (now - this.#savedAt) * EXTRA_SHARE);
    this.#savedAt = now;
    return this.#savedMs;
  }

  take(ms: number): void {
    this.#savedMs = this.leftMs - ms;
  }

  /** Makes a warning of a slow pattern, once a minute for each. */
  warn(pattern: string): void {
    const now = this.nowMs();
    if (now - (this.#warnedAt.get(pattern) ?? Number.NEGATIVE_INFINITY) < WARN_EVERY_MS) return;
    this.#warnedAt.set(pattern, now);
    this.#warning = `pattern ${pattern} took too long: what it has not searched is not in the log`;
  }

  /** Returns the warning to log, once. */
  takeWarning(): string | undefined {
    const warning = this.#warning;
    this.#warning = undefined;
    return warning;
  }
}

function processorMsOfThisProcess(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Runs the searches of one entry. */
export class SearchTime {
  readonly #extra: ExtraSearchTime;
  readonly #patterns: readonly PatternRule[];
  #allowedMs = ORDINARY_MS;
  #spentMs = 0;
  #extraMs = 0;
  #current: PatternRule | undefined;
  #begunAt = 0;
  /** Had the longest search. */
  #slowest: string;
  #slowestMs = 0;
  #isOver = false;

  constructor(extra: ExtraSearchTime, patterns: readonly PatternRule[]) {
    this.#extra = extra;
    this.#patterns = patterns;
    this.#slowest = patterns[0]?.name ?? '';
  }

  /**
   * Searches a text.
   * @param work calls `begin` before it searches with a pattern. It may be stopped anywhere and called again, so it must
   * change nothing outside
   * @throws SlowPattern if the time is over, now and from then on
   */
  run<T>(text: string, work: (begin: (pattern: PatternRule) => void) => T): T {
    this.#goOn();
    this.#allowedMs += text.length * this.#patterns.length * ORDINARY_MS_PER_CHARACTER;
    if (!this.#patterns.every((pattern) => pattern.isShort(text))) return this.#runWithin(work);
    return this.#extra.random() * SHORT_PER_TIMED < 1 ? this.#runTimed(work) : work(IGNORE);
  }

  #runTimed<T>(work: (begin: (pattern: PatternRule) => void) => T): T {
    const begunAt = this.#extra.nowMs();
    const result = work(IGNORE);
    let ms = this.#extra.nowMs() - begunAt;
    if (ms > DOUBTFUL_MS) ms = this.#processorMsOf(() => work(this.#begin));
    this.#spend(ms * SHORT_PER_TIMED);
    return result;
  }

  #runWithin<T>(work: (begin: (pattern: PatternRule) => void) => T): T {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      this.#goOn();
      let done: { result: T } | undefined;
      let searchMs = Number.POSITIVE_INFINITY;
      const ms = this.#processorMsOf(() => {
        done = runWithin(this.#leftMs, () => {
          const begunAt = this.#extra.nowMs();
          const result = work(this.#begin);
          searchMs = this.#extra.nowMs() - begunAt;
          return result;
        });
      });
      this.#spend(Math.min(ms, searchMs));
      if (done !== undefined) return done.result;
    }
    return this.#giveUp();
  }

  /** Returns the processor time of the whole process: the work itself took no more. */
  #processorMsOf(work: () => void): number {
    const before = this.#extra.processorMs();
    this.#begunAt = this.#extra.nowMs();
    work();
    this.#begin();
    return this.#extra.processorMs() - before;
  }

  /** Ends one search and begins the next. */
  readonly #begin = (next?: PatternRule): void => {
    const now = this.#extra.nowMs();
    const ms = now - this.#begunAt;
    if (this.#current !== undefined && ms > this.#slowestMs) {
      this.#slowestMs = ms;
      this.#slowest = this.#current.name;
    }
    this.#current = next;
    this.#begunAt = now;
  };

  #spend(ms: number): void {
    this.#spentMs += ms;
    const extraMs = this.#spentMs - this.#allowedMs;
    if (extraMs <= 0) return;
    this.#extra.take(extraMs);
    this.#extraMs += extraMs;
    this.#allowedMs += extraMs;
  }

  get #leftMs(): number {
    const extraMs = Math.min(MAX_EXTRA_MS - this.#extraMs, this.#extra.leftMs);
    return this.#allowedMs - this.#spentMs + Math.max(0, extraMs);
  }

  #goOn(): void {
    if (this.#isOver || (this.#spentMs >= this.#allowedMs && this.#leftMs <= 0)) this.#giveUp();
  }

  #giveUp(): never {
    this.#isOver = true;
    this.#extra.warn(this.#slowest);
    throw new SlowPattern(this.#slowest);
  }
}

/** Returns what `show` returns, or that the value is left out because patterns took too long. */
export function orOmitted({ tally }: { tally: Tally }, show: () => string): string {
  try {
    return show();
  } catch (error) {
    if (!(error instanceof SlowPattern)) throw error;
    tally.add(`slow_pattern:${error.pattern}`);
    return OMITTED;
  }
}
