/** What refused clients are told: when to come back, and not all at once. */
import { describe, expect, it } from 'vitest';
import { refusalAnswer, warningOf } from './answer.js';
import type { WindowUse } from './judgement.js';

type Refusal = Parameters<typeof refusalAnswer>[0];

const refused = (waitMs: number): Refusal => {
  return { kind: 'refused', limit: 'l', waitMs, tightest: { limit: 10, remaining: 0, resetMs: waitMs } };
};
/** The wait in seconds, and what else the answer says of it. */
function told(refusal: Refusal, retryJitterPercent: number, random: number) {
  const { message, retryAfterSeconds, headers } = refusalAnswer(
    refusal,
    { hideHeaders: false, retryJitterPercent },
    random,
  );
  const inMessage = Number(/ in \[(\d+)\] seconds$/.exec(message)?.[1]);
  return { retryAfterSeconds, inMessage, reset: headers?.['RateLimit-Reset'] };
}
/** The waits that clients are told, each once. */
const spread = (refusal: Refusal, percent: number): (number | undefined)[] => {
  const waits = Array.from({ length: 1000 }, (_, n) => told(refusal, percent, n / 1000).retryAfterSeconds);
  return [...new Set(waits)];
};

it('the warning names each limit with what is left of it, in structured fields', () => {
  const check = { kind: 'fixed', group: 'g', id: '', maxIdentities: 0, limit: 100, windowMs: 60_000, cost: 1 } as const;
  const nearly = (name: string, remaining: number, resetMs: number): WindowUse => {
    return { check: { ...check, name }, limit: 100, remaining, resetMs, generation: 1 };
  };
  expect(warningOf([nearly('writes', 9, 39_001)])).toBe('"writes";remaining=9;reset=40');
  expect(warningOf([nearly('a.b-1', 0, 1), nearly('bill', 20, 2_000_000_000)])).toBe(
    '"a.b-1";remaining=0;reset=1, "bill";remaining=20;reset=2000000',
  );
});

describe('the jitter of Retry-After', () => {
  it.each<[string, Refusal, number, number[]]>([
    ['is none by default', refused(30_000), 0, [30]],
    [
      'spreads over as much as configured, and never tells less than it takes',
      refused(30_000),
      20,
      [30, 31, 32, 33, 34, 35, 36],
    ],
    ['spreads the shortest wait too', refused(1), 10, [1, 2]],
    ['holds for what Genesys has closed', { kind: 'closed', waitMs: 4100 }, 50, [5, 6, 7, 8]],
    ['holds for a Redis that is away', { kind: 'unavailable' }, 100, [1, 2]],
  ])('%s', (_, refusal, percent, waits) => {
    expect(spread(refusal, percent)).toEqual(waits);
  });

  it('is a minute at most, so that a month does not become five weeks', () => {
    const waits = spread(refused(2_000_000_000), 100);
    expect([waits[0], waits.at(-1), waits.length]).toEqual([2_000_000, 2_000_060, 61]);
  });

  it('is the same in all that the answer says', () => {
    expect(told(refused(30_000), 20, 0.999)).toEqual({ retryAfterSeconds: 36, inMessage: 36, reset: '36' });
    expect(told(refused(29_001), 0, 0.999)).toEqual({ retryAfterSeconds: 30, inMessage: 30, reset: '30' });
  });
});
