/**
 * Every request header that matters to Kong, to a plugin or to the service: absent, empty, once, twice, in other spellings,
 * and named in `Connection`. Whatever is sent, the service sees one request or none, the gateway's headers in it and whole,
 * and nothing by which the client authenticates, names itself or overrides the method.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange, type RawMessage } from '../support/raw-connection.js';
import type { RecordedRequest } from '../support/recording-service.js';
import { GATEWAY_KIND } from './gateway.js';
import { ALONE, type Attacked, alonePath, attackAlone, attackShipped, KEYS, STATIC_SECRET } from './hostile-gateway.js';

/** What the client says in a header; where it goes on, this goes on. */
const SAID = 'said-by-the-client';

/** Headers that never reach the service as the client sends them, where genesys-token-manager is. */
const WITHHELD = [
  ...['Authorization', 'Proxy-Authorization', 'Cookie', 'apikey', 'X-API-Key'],
  ...['X-HTTP-Method', 'X-HTTP-Method-Override', 'X-Method-Override'],
  ...['X-Anonymous-Consumer', 'X-Authenticated-Groups', 'X-Authenticated-Scope', 'X-Authenticated-UserId'],
  ...['X-Consumer-Custom-ID', 'X-Consumer-Groups', 'X-Consumer-ID', 'X-Consumer-Username'],
  ...['X-Credential-Identifier', 'X-Credential-Username'],
];

/** Headers that nginx or Kong write themselves or keep to themselves, with a value that means something. */
const OF_THE_GATEWAY: [name: string, value: string][] = [
  ...['X-Real-IP', 'X-Kong-Request-Id', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'X-Forwarded-Port'],
  ...['X-Forwarded-Path', 'X-Forwarded-Prefix', 'Host'],
].map((name) => [name, SAID]);

/** Those that go on, or are of the connection. */
const OTHERS: [name: string, value: string][] = [
  ...[
    'Via',
    'X-Forwarded-For',
    'Forwarded',
    'X-Correlation-Id',
    'X-Request-Id',
    'Accept',
    'Accept-Language',
    'Referer',
  ],
  ...['Accept-Encoding', 'Cache-Control', 'Content-Encoding', 'Content-Language', 'Content-Location', 'From', 'Origin'],
  ...['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since', 'If-Range', 'Keep-Alive', 'Pragma'],
  ...['Max-Forwards', 'Proxy', 'Proxy-Connection', 'Trailer', 'User-Agent', 'Warning', 'Priority', 'Early-Data'],
  ...[
    'X-Original-URL',
    'X-Rewrite-URL',
    'X-Accel-Redirect',
    'X-Host',
    'X-Forwarded-Server',
    'Client-IP',
    'True-Client-IP',
  ],
  ...['Kong-Debug', 'X-Kong-Request-Debug', 'X-Kong-Upstream-Status', 'X-Kong-Admin-Latency', 'Authorization2'],
].map((name) => [name, SAID]);
OTHERS.push(
  ...([
    ['Range', 'bytes=0-1'],
    ['Expect', '100-continue'],
    ['Upgrade', 'h2c'],
    ['TE', 'trailers'],
    ['HTTP2-Settings', 'AAMAAABkAAQAAP__'],
    ['Connection', 'keep-alive'],
  ] as [string, string][]),
);

/** Said in `Connection` only: a message has its own. */
const FRAMING = ['Content-Length', 'Transfer-Encoding', 'Content-Type'];

const CONNECTION_OPTIONS = ['keep-alive', 'upgrade', 'te', 'http2-settings'];

/** What the service gets anew with each request, whatever the client says. */
const PER_REQUEST: Readonly<Record<string, RegExp>> = {
  'x-marker': /^marker-/,
  'x-kong-request-id': /^[0-9a-f]{32}$/,
  'x-correlation-id': /./,
  'x-forwarded-for': /127\.0\.0\.1$/,
  via: /1\.1 kong\/\S+$/,
};

/** Refusals that are meant; an error of the gateway or of a plugin is none. */
const REFUSALS = [400, 401, 403, 404, 413, 417, 431];

interface Variation {
  what: string;
  lines: string[];
  /** By a header that more than the connection is named in. */
  isRefused?: boolean;
}

function variationsOf([name, value]: [string, string]): Variation[] {
  return [
    { what: 'empty', lines: [`${name}:`] },
    { what: 'once', lines: [`${name}: ${value}`] },
    { what: 'twice', lines: [`${name}: ${value}`, `${name}: other-${value}`] },
    { what: 'in capitals', lines: [`${name.toUpperCase()}: ${value}`] },
    { what: 'in two spellings', lines: [`${name.toLowerCase()}: ${value}`, `${name.toUpperCase()}: ${value}`] },
    // Kong's correlation-id takes this spelling of its header for its own.
    ...(name === 'X-Correlation-Id'
      ? []
      : [{ what: 'with underscores', lines: [`${name.replaceAll('-', '_')}: ${value}`] }]),
    { what: 'empty, and once', lines: [`${name}:`, `${name}: ${value}`] },
    { what: 'in a list', lines: [`${name}: , ${value} ,`] },
  ];
}

function namedOf(name: string, value?: string): Variation[] {
  const isRefused = !CONNECTION_OPTIONS.includes(name.toLowerCase());
  const said = value === undefined ? [] : [`${name}: ${value}`];
  return [
    { what: 'named', lines: [`Connection: ${name}`], isRefused },
    { what: 'said and named', lines: [...said, `Connection: close, ${name.toLowerCase()}`], isRefused },
    { what: 'named and said', lines: [`connection: ${name.toUpperCase()},`, ...said], isRefused },
  ];
}

const SEARCH: [name: string, variation: Variation][] = [
  ...WITHHELD.map((name): [string, string] => [name, SAID]),
  ...OF_THE_GATEWAY,
  ...OTHERS,
].flatMap(([name, value]) =>
  [...variationsOf([name, value]), ...namedOf(name, value)].map((variation): [string, Variation] => [name, variation]),
);
SEARCH.push(...FRAMING.flatMap((name) => namedOf(name).map((variation): [string, Variation] => [name, variation])));

interface Target {
  message: RawMessage;
  /** The credential that the gateway puts in; undefined where it puts in none. */
  credential: string | undefined;
  /** What the client authenticates with. */
  secrets: string[];
  /** Whether the gateway reads the service's whole answer before it sends any of it. */
  isBuffered?: boolean;
}

/** What is not ours to mend. */
function isKnown(fault: string, { isBuffered = false }: Target): boolean {
  if (GATEWAY_KIND === 'local') return false;
  // nginx evaluates these for the service, once it has answered, and closes the connection.
  return isBuffered && /^If-(?:Match|Unmodified-Since) .*answered 0/.test(fault);
}

/** Sends every variation, and says of each what is wrong with what came of it. */
async function search({ gateway, service, message }: Attacked, target: Target): Promise<string[]> {
  const send = async (lines: string[]) => {
    service.reset();
    const { bytes, marker } = message({ ...target.message, lines: [...(target.message.lines ?? []), ...lines] });
    const [answer] = await exchange(gateway.url, [bytes]);
    return { answer, marker, requests: [...service.requests] };
  };
  const [baseline] = (await send([])).requests;
  if (baseline === undefined) throw new Error('a request without anything strange does not reach the service');
  const faults: string[] = [];
  for (const [name, { what, lines, isRefused = false }] of SEARCH) {
    const { answer, marker, requests } = await send(lines);
    const fault = (text: string): number => faults.push(`${name} ${what}: ${text}`);
    const status = answer?.status ?? 0;
    if (status !== 200 && !REFUSALS.includes(status)) fault(`answered ${status}`);
    // Two keys are refused by key-auth, which may come first.
    if (isRefused && status !== 400 && status !== 401) fault(`answered ${status}, not refused`);
    if (requests.length !== (status === 200 ? 1 : 0))
      fault(`answered ${status}, and the service saw ${requests.length}`);
    if (service.unreadable.length > 0) fault('the service saw what is no request');
    for (const seen of requests) {
      if (seen.headers['x-marker']?.[0] !== marker) fault('the service saw another request');
      for (const text of differences(baseline, seen, target)) fault(text);
    }
  }
  return faults.filter((text) => !isKnown(text, target));
}

/** What is not as it is without the header: of the gateway's, something less or else; of the client's, something more. */
function differences(baseline: RecordedRequest, seen: RecordedRequest, { credential, secrets }: Target): string[] {
  const faults: string[] = [];
  for (const part of ['method', 'url', 'body'] as const) {
    if (seen[part] !== baseline[part]) faults.push(`its ${part} became ${seen[part]}`);
  }
  for (const [name, values] of Object.entries(baseline.headers)) {
    const pattern = PER_REQUEST[name];
    // Where Kong buffers answers, an empty line of the client's goes on next to the gateway's own.
    const now = (seen.headers[name] ?? []).filter((value) => value !== '');
    const isRight =
      pattern === undefined ? `${now}` === `${values}` : now.length > 0 && now.every((value) => pattern.test(value));
    if (!isRight) faults.push(`${name} became ${JSON.stringify(now)}`);
  }
  if (`${seen.headers.authorization ?? ''}` !== (credential ?? '') && credential !== undefined) {
    faults.push(`authorization became ${seen.headers.authorization}`);
  }
  for (const [name, values] of Object.entries(seen.headers)) {
    for (const value of values) {
      if (secrets.some((secret) => value.includes(secret))) faults.push(`the client's credential went on in ${name}`);
    }
    const isWithheld = WITHHELD.some((withheld) => withheld.toLowerCase() === name);
    if (credential !== undefined && isWithheld && `${values}`.includes(SAID)) faults.push(`${name} went on`);
  }
  return faults;
}

const json = 'Content-Type: application/json';
const post = { method: 'POST', body: '{"a":1}', framing: 'plain' } as const;

describe('in the configuration that ships', () => {
  let attacked: Attacked & { token: string };
  let credential: string | undefined;
  beforeAll(async () => {
    attacked = await attackShipped();
    await exchange(attacked.gateway.url, [
      attacked.message({ path: '/api/v2/x', lines: [`apikey: ${KEYS.both}`] }).bytes,
    ]);
    credential = attacked.service.requests[0]?.headers.authorization?.[0];
    expect(credential).toMatch(/^Bearer \S+$/);
  });
  afterAll(() => attacked?.close());

  it.each<[string, (lines: string[]) => RawMessage, 'key' | 'token']>([
    ['a read with a key', (lines) => ({ path: '/api/v2/users/x', lines }), 'key'],
    ['a read with a token', (lines) => ({ path: '/api/v2/users/x', lines }), 'token'],
    ['a write with a key', (lines) => ({ ...post, path: '/api/v2/users/x', lines: [...lines, json] }), 'key'],
    [
      'a query with a key',
      (lines) => ({
        ...post,
        path: '/api/v2/analytics/conversations/details/query',
        framing: 'chunked',
        lines: [...lines, json],
      }),
      'key',
    ],
    ['a call of a Data Action', (lines) => ({ ...post, path: '/external/crm/x', lines: [...lines, json] }), 'key'],
  ])('no header of %s changes what it is or may', async (what, messageWith, by) => {
    const line = by === 'key' ? `apikey: ${KEYS.both}` : `Authorization: Bearer ${attacked.token}`;
    const message = messageWith([line]);
    const expected = what.includes('Data Action') ? `Bearer ${STATIC_SECRET}` : credential;
    const faults = await search(attacked, { message, credential: expected, secrets: [KEYS.both, attacked.token] });
    expect(faults).toEqual([]);
  });

  // Kong tells a plugin of 1,000 lines at most.
  it.each(['before', 'behind'])('nor may one hide %s more headers than a plugin is told of', async (where) => {
    const { gateway, service, message } = attacked;
    service.reset();
    const many = Array.from({ length: 1100 }, (_, index) => `h${index}: 1`);
    const hidden = [`apikey: ${KEYS.both}`, 'Cookie: said=said', 'X-HTTP-Method-Override: DELETE', 'X-API-Key: said'];
    const lines = where === 'before' ? [...hidden, ...many] : [...many, ...hidden];
    const [answer] = await exchange(gateway.url, [message({ path: '/api/v2/users/x', lines }).bytes]);
    // A key that Kong's own plugin is not told of is none.
    expect([200, 400, 401, 431]).toContain(answer?.status);
    for (const { headers } of service.requests) {
      expect(headers.authorization).toEqual([credential]);
      expect(Object.keys(headers).filter((name) => /apikey|api-key|method|cookie|consumer/.test(name))).toEqual([]);
    }
  });

  // A key on the routes for tokens, and a token on those for keys: neither has a plugin that takes the other away.
  it.each([
    ['a key beside a token', () => [`Authorization: Bearer ${attacked.token}`, `apikey: ${KEYS.reader}`]],
    ['a key before a token', () => [`apikey: ${KEYS.reader}`, `Authorization: Bearer ${attacked.token}`]],
    ['another credential beside a key', () => [`apikey: ${KEYS.both}`, 'Authorization: Basic c2FpZDpzYWlk']],
  ])('%s reaches the service on no route, nor does another method', async (_what, lines) => {
    const { gateway, service, message } = attacked;
    service.reset();
    const overrides = ['X-HTTP-Method', 'X-HTTP-Method-Override', 'X-Method-Override'].map((name) => `${name}: DELETE`);
    for (const target of [
      { path: '/api/v2/users/x' },
      { ...post, path: '/api/v2/users' },
      { ...post, path: '/api/v2/analytics/conversations/details/query' },
    ]) {
      const { bytes } = message({ ...target, lines: [...lines(), ...overrides, 'Cookie: said=said'] });
      expect((await exchange(gateway.url, [bytes]))[0]?.status).toBe(200);
    }
    expect(service.requests).toHaveLength(3);
    for (const { headers } of service.requests) {
      expect(headers.authorization).toEqual([credential]);
      expect(
        Object.keys(headers).filter((name) => /apikey|override|method|cookie|consumer|credential/.test(name)),
      ).toEqual([]);
      expect(JSON.stringify(headers)).not.toMatch(new RegExp(`${KEYS.reader}|${attacked.token}|c2FpZDpzYWlk`));
    }
  });
});

describe('where one plugin is alone', () => {
  let attacked: Attacked;
  beforeAll(async () => {
    attacked = await attackAlone();
  });
  afterAll(() => attacked?.close());

  it.each(ALONE)('no header changes what a request is: %s', async (plugin) => {
    const credential = plugin === 'genesys-token-manager' ? `Bearer ${STATIC_SECRET}` : undefined;
    const message = { ...post, path: `${alonePath(plugin)}x`, lines: [json] };
    const isBuffered = /filter|log/.test(plugin);
    expect(await search(attacked, { message, credential, secrets: [], isBuffered })).toEqual([]);
  });
});
