/** The requests that the page sees: only while somebody looks, bounded, and nothing that a client chose. */
import { expect, it } from 'vitest';
import { createRequestFeed, type SeenRequest } from './request-feed.js';

interface Answer {
  run: string;
  next: number;
  skipped: number;
  requests: SeenRequest[];
}

function setUp() {
  const clock = { ms: 0 };
  const feed = createRequestFeed(() => clock.ms);
  const look = async (query: Record<string, string> = {}): Promise<Answer> =>
    (await feed.operation.run(new URLSearchParams(query))).body as Answer;
  return { clock, feed, look };
}

const entry = (id: string, more: object = {}): string =>
  JSON.stringify({ request: { id, method: 'GET' }, response: { status: 200 }, source: 'upstream', ...more });

it('keeps nothing unless somebody looks', async () => {
  const { clock, feed, look } = setUp();
  feed.note(entry('before'));
  expect((await look()).requests).toEqual([]);
  feed.note(entry('watched'));
  expect((await look()).requests.map(({ id }) => id)).toEqual(['watched']);
  clock.ms += 60_000;
  feed.note(entry('nobody'));
  expect((await look()).requests).toEqual([]);
});

it('tells each request once, how many were missed, and what another process counted is forgotten', async () => {
  const { feed, look } = setUp();
  const { run } = await look();
  feed.note(entry('a'));
  const first = await look({ run, after: '0' });
  expect(first.requests.map(({ id }) => id)).toEqual(['a']);
  for (let i = 0; i < 400; i += 1) feed.note(entry(`n${i}`));
  const next = await look({ run, after: String(first.next) });
  expect(next.requests).toHaveLength(300);
  expect(next.skipped).toBe(100);
  expect((await look({ run, after: String(next.next) })).requests).toEqual([]);
  expect((await look({ run: 'another', after: String(next.next) })).requests).toHaveLength(300);
});

it('tells nothing that a client chose', async () => {
  const { feed, look } = setUp();
  await look();
  const request = { id: 'x', method: 'PLANTED', uri: '/planted', url: 'http://planted/', headers: { a: 'planted' } };
  const response = { status: 404, headers: { b: 'planted' } };
  feed.note(JSON.stringify({ request, response, upstream_uri: '/planted', client_ip: 'planted' }));
  const { requests } = await look();
  expect(requests).toMatchObject([{ id: 'x', method: 'OTHER', status: 404, source: 'gateway' }]);
  expect(JSON.stringify(requests)).not.toMatch(/planted/i);
});

it('survives an entry that is none', async () => {
  const { feed, look } = setUp();
  await look();
  for (const text of ['', '[', 'null', '{"request":[]}', entry('x'.repeat(70_000))]) feed.note(text);
  expect((await look()).requests).toEqual([]);
});
