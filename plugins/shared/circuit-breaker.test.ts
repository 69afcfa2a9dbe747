/** The breaker as a state machine, and that it lets through what it says under any order of events. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCircuitBreaker } from './circuit-breaker.js';

const POLICY = { failures: 3, windowMs: 1000, openMs: 100, maxOpenMs: 400 };

describe('a breaker', () => {
  it('opens after failures in a row within the window, and says so once', () => {
    const breaker = createCircuitBreaker(POLICY);
    expect([breaker.failed(0), breaker.failed(10), breaker.failed(20), breaker.failed(30)]).toEqual([
      false,
      false,
      true,
      false,
    ]);
    expect(breaker.isOpen).toBe(true);
    expect(breaker.enter(50)).toBe(70);
  });

  it('forgets failures at a success, and those that lie too far back', () => {
    const breaker = createCircuitBreaker(POLICY);
    breaker.failed(0);
    breaker.failed(1);
    breaker.succeeded(2);
    breaker.failed(3);
    breaker.failed(4);
    expect(breaker.isOpen).toBe(false);
    expect(breaker.failed(1100)).toBe(false);
    expect(breaker.enter(1100)).toBe(0);
  });

  it('lets one through when its time is over, and closes if that succeeds', () => {
    const breaker = opened();
    expect(breaker.enter(100)).toBe(0);
    expect(breaker.enter(100)).toBe(100);
    expect(breaker.enter(150)).toBe(50);
    breaker.succeeded(160);
    expect(breaker.enter(160)).toBe(0);
    expect(breaker.isOpen).toBe(false);
  });

  it('stays open twice as long after each failed try, up to its maximum', () => {
    const breaker = opened();
    const waits: number[] = [];
    let now = 100;
    for (let i = 0; i < 4; i += 1) {
      expect(breaker.enter(now)).toBe(0);
      breaker.failed(now);
      waits.push(breaker.enter(now));
      now += waits[i] ?? 0;
    }
    expect(waits).toEqual([200, 400, 400, 400]);
  });

  it('lets another one through if the first never reports', () => {
    const breaker = opened();
    expect(breaker.enter(100)).toBe(0);
    expect(breaker.enter(199)).toBe(1);
    expect(breaker.enter(200)).toBe(0);
  });

  it('is not closed by what began before it opened', () => {
    const breaker = opened();
    breaker.succeeded(50);
    expect(breaker.enter(60)).toBe(40);
  });

  it('lets through at most one request per openMs while nothing succeeds', () => {
    const steps = fc.array(fc.record({ afterMs: fc.nat(60), reports: fc.boolean() }), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (list) => {
        const breaker = opened();
        let now = 0;
        const entered: number[] = [];
        for (const { afterMs, reports } of list) {
          now += afterMs;
          if (breaker.enter(now) > 0) continue;
          entered.push(now);
          if (reports) breaker.failed(now);
        }
        const gaps = entered.map((at, index) => at - (entered[index - 1] ?? 0));
        expect(gaps.filter((gap) => gap < POLICY.openMs)).toEqual([]);
      }),
    );
  });
});

function opened() {
  const breaker = createCircuitBreaker(POLICY);
  for (let i = 0; i < 3; i += 1) breaker.failed(0);
  return breaker;
}
