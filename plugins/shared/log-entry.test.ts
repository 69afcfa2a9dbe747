/** What is read from Kong's log entry. */
import { describe, expect, it } from 'vitest';
import { parseLogEntry } from './log-entry.js';

describe('the entry', () => {
  it.each([
    ['200', 200],
    ['502, 200', 200],
    ['502 : 503', 503],
    [401, 401],
    ['-', undefined],
    ['200, -', undefined],
    [undefined, undefined],
    ['abc', undefined],
  ])('with upstream_status %j has the status %s', (upstream_status, status) => {
    expect(parseLogEntry(JSON.stringify({ upstream_status }), 0).status).toBe(status);
  });

  it('asks to wait 5 s if a 429 does not say, and at most a minute', () => {
    const waits = [undefined, 'soon', '7', '86400'].map(
      (value) => parseLogEntry(JSON.stringify({ response: { headers: { 'retry-after': value } } }), 0).retryAfterMs,
    );
    expect(waits).toEqual([5_000, 5_000, 7_000, 60_000]);
  });
});
