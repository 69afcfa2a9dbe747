/** Who runs, who waits, and who gives up. */
import { expect, it } from 'vitest';
import { type ByteBudget, createByteBudget, NoRoom } from './byte-budget.js';

const TOTAL = 100;

/** Work that runs until it is ended, and what has begun so far. */
function work(budget: ByteBudget) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    start: (name: string, bytes: number): Promise<string> =>
      budget.run(bytes, () => {
        begun.push(name);
        return new Promise((resolve) => ends.set(name, () => resolve(name)));
      }),
    async end(name: string): Promise<void> {
      ends.get(name)?.();
      await settled();
    },
  };
}

function manualTimers() {
  const timers = new Set<() => void>();
  return {
    timers,
    clock: {
      startTimer(_ms: number, run: () => void) {
        timers.add(run);
        return () => void timers.delete(run);
      },
    },
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('runs what there is room for, and the others in the order of coming', async () => {
  const { clock, timers } = manualTimers();
  const { begun, start, end } = work(createByteBudget(TOTAL, 1000, clock));
  const all = ['a', 'b', 'c', 'd'].map((name) => start(name, name === 'd' ? 10 : 50));
  await settled();
  // There would be room for d, but then c might never have its turn.
  expect(begun).toEqual(['a', 'b']);
  await end('a');
  expect(begun).toEqual(['a', 'b', 'c']);
  await end('c');
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  await end('b');
  await end('d');
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
  expect(timers.size).toBe(0);
});

it('runs work for more than there is alone', async () => {
  const { begun, start, end } = work(createByteBudget(TOTAL, 1000, manualTimers().clock));
  void start('a', 1);
  void start('large', 1000);
  void start('b', 1);
  await settled();
  expect(begun).toEqual(['a']);
  await end('a');
  expect(begun).toEqual(['a', 'large']);
  await end('large');
  expect(begun).toEqual(['a', 'large', 'b']);
});

it('gives up what has waited too long, and then runs what is behind it', async () => {
  const { clock, timers } = manualTimers();
  const { begun, start, end } = work(createByteBudget(TOTAL, 1000, clock));
  void start('a', 60);
  const late = start('late', 50);
  const small = start('small', 40);
  const [giveUp] = timers;
  giveUp?.();
  await expect(late).rejects.toThrow(NoRoom);
  await settled();
  expect(begun).toEqual(['a', 'small']);
  await end('small');
  expect(await small).toBe('small');
});

it('gives room back when work fails', async () => {
  const budget = createByteBudget(TOTAL, 1000, manualTimers().clock);
  await expect(budget.run(TOTAL, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  expect(await budget.run(TOTAL, async () => 'done')).toBe('done');
});
