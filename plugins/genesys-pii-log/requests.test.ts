/** Requests on their way: bodies kept and dropped, and log events that never came. */
import { expect, it } from 'vitest';
import { createRequests } from './requests.js';
import { createFakeClock } from './testing/clock.js';

const body = (bytes: number) => ({
  bytes: Buffer.alloc(bytes),
  size: bytes,
  contentType: undefined,
  contentEncoding: undefined,
});

it('keeps the body of a request until its log event, and gives it out once', () => {
  const requests = createRequests(createFakeClock());
  const ids = [requests.begin(), requests.begin()];
  requests.keep(ids[0] ?? '', body(3));
  requests.keep(ids[1] ?? '', body(4));
  expect(requests.end(ids[1] ?? '').body?.size).toBe(4);
  expect(requests.end(ids[1] ?? '')).toEqual({ isKnown: false, body: undefined, wasDropped: false });
  expect(requests.end('of another process').isKnown).toBe(false);
  expect(requests.stats).toMatchObject({ access_events: 2, log_events: 1, waiting: 1, captured_bytes: 3 });
});

it('drops the oldest bodies when there is no more room', () => {
  const requests = createRequests(createFakeClock());
  const megabytes = 1024 * 1024;
  const ids = Array.from({ length: 70 }, () => requests.begin());
  for (const id of ids) requests.keep(id, body(megabytes));
  expect(requests.stats).toMatchObject({ captured_bytes: 64 * megabytes, dropped_captures: 6, waiting: 70 });
  expect(requests.end(ids[0] ?? '')).toMatchObject({ isKnown: true, body: undefined, wasDropped: true });
  expect(requests.end(ids[69] ?? '').body?.size).toBe(megabytes);
});

it('drops bodies after a while, and counts requests that are never logged', async () => {
  const clock = createFakeClock();
  const requests = createRequests(clock);
  const id = requests.begin();
  requests.keep(id, body(10));
  await clock.advance(299_000);
  expect(requests.stats.captured_bytes).toBe(10);
  await clock.advance(60_000);
  expect(requests.stats).toMatchObject({ captured_bytes: 0, waiting: 1, lost_log_events: 0 });
  await clock.advance(3_600_000);
  expect(requests.stats).toMatchObject({ waiting: 0, lost_log_events: 1 });
  expect(requests.lost).toBe(1);
});
