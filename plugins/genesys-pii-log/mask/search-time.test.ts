/** How long patterns may search: what an entry has, and what all entries have together. */
import { describe, expect, it } from 'vitest';
import { compilePattern } from './patterns.js';
import { ExtraSearchTime, SearchTime, SlowPattern } from './search-time.js';

/** Every search is timed. */
function start() {
  let now = 0;
  let processorMs = 0;
  const clock = { nowMs: () => now, random: () => 0 };
  /** Lets time pass in which the process does nothing. */
  const wait = (ms: number): void => {
    now += ms;
  };
  const work = (ms: number): void => {
    now += ms;
    processorMs += ms;
  };
  const extra = new ExtraSearchTime(clock, () => processorMs);
  const pattern = compilePattern('order', 'AC-\\d{6}', 'x');
  const other = compilePattern('other', 'AD-\\d{6}', 'x');
  return { extra, wait, work, pattern, other, entry: () => new SearchTime(extra, [pattern, other]) };
}

describe('an entry', () => {
  it('is searched as long as it takes what is usual, and then no more', () => {
    const { entry, work, pattern, other } = start();
    const time = entry();
    const search = (text: string) =>
      time.run(text, (begin) => {
        begin(pattern);
        work(0.05);
        begin(other);
        work(0.01);
        return 'searched';
      });
    let searched = 0;
    expect(() => {
      for (; searched < 1000; searched++) expect(search('a text')).toBe('searched');
    }).toThrow(SlowPattern);
    // 1 ms, and 25 beyond: each search counts for sixteen.
    expect(searched).toBe(Math.ceil(26 / (0.06 * 16)));
    expect(() => search('')).toThrow(expect.objectContaining({ pattern: 'order' }));
  });

  it('has more time, the more there is to search', () => {
    const { entry, work } = start();
    const time = entry();
    for (let round = 0; round < 1000; round++) time.run('x'.repeat(4000), () => work(0.0014));
  });

  it('is not over because the process waited for the processor', () => {
    const { entry, wait } = start();
    const time = entry();
    for (let round = 0; round < 1000; round++) time.run('a text', () => wait(1000));
  });
});

describe('all entries', () => {
  /** What an entry gets until it is over, in milliseconds. */
  const spend = ({ entry, work }: ReturnType<typeof start>): number => {
    const time = entry();
    for (let ms = 0; ms < 1000; ms++) {
      try {
        time.run('', () => work(1 / 16));
      } catch (error) {
        expect(error).toBeInstanceOf(SlowPattern);
        return ms;
      }
    }
    return Number.POSITIVE_INFINITY;
  };

  it('share what goes beyond the usual: a part of the time, of which some is saved', () => {
    const all = start();
    expect([spend(all), spend(all), spend(all), spend(all)]).toEqual([26, 26, 2, 1]);
    all.wait(200);
    expect([spend(all), spend(all)]).toEqual([11, 1]);
    all.wait(3_600_000);
    expect([spend(all), spend(all), spend(all), spend(all)]).toEqual([26, 26, 2, 1]);
  });

  it('are warned of once a minute for each pattern', () => {
    const { extra, wait } = start();
    extra.warn('order');
    expect(extra.takeWarning()).toBe('pattern order took too long: what it has not searched is not in the log');
    expect(extra.takeWarning()).toBeUndefined();
    extra.warn('order');
    expect(extra.takeWarning()).toBeUndefined();
    extra.warn('other');
    expect(extra.takeWarning()).toMatch(/^pattern other /);
    wait(60_000);
    extra.warn('order');
    expect(extra.takeWarning()).toMatch(/^pattern order /);
  });
});
