/**
 * Raw requests of a generator, good and hostile, over kept-alive connections that three consumers share: the service never
 * sees a request that no client sent, and no client ever gets another's answer. 300 of them; 10,000 with LONG=1. `SEED`
 * repeats a run: it is in the message of one that fails.
 */
import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RawConnection, rawMessage } from '../support/raw-connection.js';
import { ALONE, type Attacked, alonePath, attackAlone, attackShipped, KEYS, namedIn } from './hostile-gateway.js';

const RUNS = process.env.LONG ? 10_000 : 300;
const SEED = Number(process.env.SEED ?? randomInt(2 ** 31));
const CONNECTIONS = 6;

/** Requests in bodies: nobody sends them. A service that reads them makes the next request a part of them, or answers it. */
const HIDDEN = [
  'DELETE /hidden HTTP/1.1\r\nHost: service\r\nX-Marker: hidden\r\nX-Ignored: ',
  'DELETE /hidden HTTP/1.1\r\nHost: service\r\nX-Marker: hidden\r\n\r\n',
  'POST /hidden HTTP/1.1\r\nHost: service\r\nX-Marker: hidden\r\nContent-Length: 300\r\n\r\n',
  'GET /hidden HTTP/1.1\r\nHost: service\r\nX-Marker: hidden\r\n\r\nGET /hidden HTTP/1.1\r\nHost: service\r\n\r\n',
  '0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: service\r\nX-Marker: hidden\r\n\r\n',
];

/** Lines with which a request is good. */
const GOOD_LINES = [
  ...['Connection: keep-alive', 'Connection: Keep-Alive, TE', 'TE: trailers', 'Expect: 100-continue', 'Upgrade: h2c'],
  ...[
    'Accept: */*',
    'Accept-Encoding: gzip',
    'Content_Length: 0',
    'X-HTTP-Method-Override: DELETE',
    'X-Real-IP: 1.2.3.4',
  ],
  ...['Cookie: a=b', 'X-Forwarded-For: 1.2.3.4', 'X-Consumer-Username: attacking-writer', 'Transfer_Encoding: chunked'],
];
/** And those that it must be refused for. */
const HOSTILE_LINES = [
  ...['content-length', 'Content-Length, keep-alive', 'keep-alive,content-length', 'authorization', 'te, apikey'],
  ...['transfer-encoding, content-length', 'host', 'x-marker', 'x-correlation-id', ',Content-Length,'],
].map((value) => `Connection: ${value}`);
/** What is no HTTP: the gateway answers 4xx or 501, and may close the connection. */
const BROKEN_LINES = [
  ...['Content-Length: 3', 'Content-Length: -1', 'Content-Length: +0', 'Transfer-Encoding: xchunked', 'Host: other'],
  ...['Transfer-Encoding: chunked, identity', 'X Bad: 1', 'Content-Length : 0', 'X-Nul: a\0b'],
];

type Framing = 'none' | 'plain' | 'chunked' | 'chunked with extensions and a trailer' | 'both';

const sometimes = <T>(share: number, values: readonly T[]): fc.Arbitrary<T | undefined> =>
  fc.oneof(
    { arbitrary: fc.constant(undefined), weight: Math.round(1 / share) - 1 },
    { arbitrary: fc.constantFrom(...values), weight: 1 },
  );

const messages = fc.record({
  who: fc.constantFrom<keyof typeof KEYS>('reader', 'writer', 'both'),
  connection: fc.nat(CONNECTIONS - 1),
  /** Sent without waiting for the answer to the one before on its connection. */
  isPipelined: fc.boolean(),
  method: fc.constantFrom('GET', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
  path: fc.nat(99),
  framing: fc.constantFrom<Framing>(
    'none',
    'plain',
    'plain',
    'chunked',
    'chunked with extensions and a trailer',
    'both',
  ),
  body: fc.oneof(fc.constantFrom('', '{"a":1}'), fc.constantFrom(...HIDDEN)),
  good: fc.subarray(GOOD_LINES, { maxLength: 3 }),
  hostile: sometimes(1 / 4, HOSTILE_LINES),
  broken: sometimes(1 / 20, BROKEN_LINES),
  isHostileFirst: fc.boolean(),
});

interface Sent {
  marker: string;
  bytes: string;
  method: string;
  body: string;
  connection: number;
  isPipelined: boolean;
  /** It must get through the guard, or must not; undefined if either is right. */
  mayPass: boolean | undefined;
}

/** A request's bytes, and what may come of it. */
function build(
  { who, method, path, framing, body, good, hostile, broken, isHostileFirst, ...rest }: Message,
  paths: readonly { path: string; isHostile: boolean }[],
  number: number,
): Sent {
  const { path: target, isHostile } = paths[path % paths.length] ?? { path: '/', isHostile: false };
  const marker = `marker-${number}-${SEED}`;
  const isFramed = framing !== 'none';
  const content = isFramed ? body : '';
  const [framed, ...framingLines] = frame(framing, content);
  // What is broken beside a frame can only be refused: without one, it would say where the request ends.
  const brokenLines = isFramed && broken !== undefined ? [broken] : [];
  const hostileLines = hostile === undefined ? [] : [hostile];
  const lines = isHostileFirst ? [...hostileLines, ...good] : [...good, ...hostileLines];
  const message = {
    method,
    path: `${target}?marker=${marker}`,
    lines: [`X-Marker: ${marker}`, `apikey: ${KEYS[who]}`, ...lines, ...framingLines, ...brokenLines],
    body: framed,
  };
  const isUnclear = framing === 'both' || brokenLines.length > 0;
  return {
    ...rest,
    marker,
    method,
    body: content,
    bytes: rawMessage(message),
    // Node answers these at once, in the midst of the answers to requests before.
    isPipelined: rest.isPipelined && !isUnclear && !good.some((line) => line.startsWith('Expect')),
    mayPass: isHostile || hostile !== undefined ? false : isUnclear ? undefined : true,
  };
}

type Message = typeof messages extends fc.Arbitrary<infer T> ? T : never;

/** A body as it is sent, and the lines that say where it ends. */
function frame(framing: Framing, body: string): [framed: string, ...lines: string[]] {
  const chunk = (extension: string): string =>
    body === '' ? '' : `${body.length.toString(16)}${extension}\r\n${body}\r\n`;
  const chunked = `${chunk('')}0\r\n\r\n`;
  switch (framing) {
    case 'none':
      return [''];
    case 'plain':
      return [body, `Content-Length: ${body.length}`];
    case 'chunked':
      return [chunked, 'Transfer-Encoding: chunked'];
    case 'chunked with extensions and a trailer':
      return [
        `${chunk(';a=b')}0;c\r\nAuthorization: trailing\r\n\r\n`,
        'Transfer-Encoding: chunked',
        'Trailer: Authorization',
      ];
    case 'both':
      // They end at the same byte, so that whoever takes either sees the same requests.
      return [chunked, `Content-Length: ${chunked.length}`, 'Transfer-Encoding: chunked'];
  }
}

/** Sends these over one connection, and again over one when the gateway has closed it. */
async function sendAll(url: string, sent: readonly Sent[], faults: string[]): Promise<Map<string, number>> {
  const statuses = new Map<string, number>();
  let connection = await RawConnection.open(url);
  for (let at = 0; at < sent.length; ) {
    let end = at + 1;
    while (end < sent.length && sent[end]?.isPipelined && end - at < 5) end += 1;
    const burst = sent.slice(at, end);
    connection.send(burst.map(({ bytes }) => bytes).join(''));
    for (const { marker } of burst) {
      const answer = await connection.next();
      if (answer === undefined) break;
      statuses.set(marker, answer.status);
      const { id } = namedIn(answer) ?? { id: marker };
      if (id !== marker) faults.push(`the client of ${marker} got the answer to ${id}`);
    }
    if (connection.isClosed) connection = await RawConnection.open(url);
    at = end;
  }
  connection.close();
  return statuses;
}

/** Attacks, and expects of each request that may pass that it is answered 200, or with one of `refusals` for its rights. */
async function attack(
  { gateway, service }: Attacked,
  paths: readonly { path: string; isHostile: boolean }[],
  refusals: readonly number[],
) {
  service.reset();
  const faults: string[] = [];
  const sent = fc
    .sample(messages, { numRuns: RUNS, seed: SEED })
    .map((message, number) => build(message, paths, number));
  const byConnection = Array.from({ length: CONNECTIONS }, (_, own) =>
    sent.filter(({ connection }) => connection === own),
  );
  // What is glued to the last requests, or answered late, is seen by these.
  const last = fc.sample(messages, { numRuns: CONNECTIONS, seed: SEED }).map((message, number) => {
    const harmless = { hostile: undefined, broken: undefined, framing: 'none', method: 'GET', path: 0 } as const;
    return build({ ...message, ...harmless }, paths, RUNS + number);
  });
  const statuses = new Map<string, number>();
  const all = await Promise.all(
    byConnection.map(async (own) => [
      ...(await sendAll(gateway.url, own, faults)),
      ...(await sendAll(gateway.url, last, [])),
    ]),
  );
  for (const [marker, status] of all.flat()) statuses.set(marker, status);

  const byMarker = new Map(sent.map((one) => [one.marker, one]));
  const seen = new Map<string, number>();
  for (const { method, url, headers, body } of service.requests) {
    const marker = `${headers['x-marker']}`;
    const own = byMarker.get(marker);
    if (last.some((one) => one.marker === marker && method === 'GET')) continue;
    seen.set(marker, (seen.get(marker) ?? 0) + 1);
    const isAsSent =
      own !== undefined && own.method === method && own.body === body && url.endsWith(`?marker=${marker}`);
    if (!isAsSent) faults.push(`nobody sent ${method} ${url} with ${JSON.stringify(body)}, marked ${marker}`);
  }
  faults.push(...service.unreadable.map((code) => `the service saw what is no request: ${code}`));
  for (const { marker, mayPass, method } of sent) {
    const status = statuses.get(marker);
    const times = seen.get(marker) ?? 0;
    if (status === 200 && mayPass === false) faults.push(`${marker} passed`);
    if (mayPass && status !== undefined && status !== 200 && !refusals.includes(status))
      faults.push(`${marker} was to pass, and was answered ${status}`);
    if (status !== undefined && status >= 500 && status !== 501) faults.push(`${marker} was answered ${status}`);
    if (times > 1 || (status === 200) !== (times === 1))
      faults.push(`${marker} (${method}): ${status}, and ${times} times seen`);
  }
  const message = `SEED=${SEED}`;
  expect(faults.slice(0, 10), message).toEqual([]);
  // It is not all refused. A share of what was answered: how many are depends on the seed, by connections that close.
  const answered = sent.filter(({ marker, mayPass }) => mayPass && statuses.has(marker));
  const passed = answered.filter(({ marker }) => statuses.get(marker) === 200).length;
  expect(passed, message).toBeGreaterThan(answered.length / 4);
  expect(statuses.size, message).toBeGreaterThan(RUNS / 2);
}

it('the configuration that ships', async () => {
  const attacked = await attackShipped();
  try {
    const good = [
      '/api/v2/users/x',
      '/api/v2/analytics/x',
      '/directory/x',
      '/external/crm/x',
      '/api/v2/routing/queues',
    ];
    const hostile = ['/api/v2/analytics/..%2fusers', '/external/crm/..;/x', '/api/v2/users/%252e%252e/x'];
    const paths = [
      ...[...good, ...good].map((path) => ({ path, isHostile: false })),
      ...hostile.map((path) => ({ path, isHostile: true })),
    ];
    // 403 is acl's, 404 a method that no route of the path has.
    await attack(attacked, paths, [403, 404]);
  } finally {
    await attacked.close();
  }
}, 600_000);

it('each plugin alone', async () => {
  const attacked = await attackAlone();
  try {
    await attack(
      attacked,
      ALONE.flatMap((plugin) => [
        { path: `${alonePath(plugin)}x`, isHostile: false },
        { path: `${alonePath(plugin)}y`, isHostile: false },
        { path: `${alonePath(plugin)}..;/x`, isHostile: true },
      ]),
      [],
    );
  } finally {
    await attacked.close();
  }
}, 600_000);
