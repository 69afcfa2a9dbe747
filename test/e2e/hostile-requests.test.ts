/**
 * Requests that somebody sends to see what breaks: headers, paths, queries and bodies that are spelt, framed, nested or
 * compressed to get around a rule, to fill a memory or to end a process. On the configuration that ships, with every
 * plugin on each route to Genesys. Whatever is sent, the plugin servers stay the processes that they were, and nothing
 * leaves that a rule keeps: no unfiltered field, no personal data in the audit log, no secret.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KongConfig } from '../../kong/testbed/development-config.js';
import { DEFAULT_CLIENT } from '../../kong/testbed/genesys-cloud/index.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { residentBytes } from '../../kong/testbed/processes.js';
import { type AuditLog, openAuditLog } from '../support/audit-log.js';
import { rawBytes, rawRequest } from '../support/raw-request.js';
import { addToApi, type GenesysGateway, KEY, startGenesysGateway } from './genesys-gateway.js';

const RULED = '/api/v2/things/limited';
const SECRET = 'not-for-the-client';
const EMAIL = 'jane.planted@example.org';
const CARD = '4111111111111111';
const MEBIBYTE = 1024 * 1024;
const BOMB_BYTES = 150 * MEBIBYTE;
/** Over what a process held before; a filter keeps at most max_body_bytes, 10 MiB, of an answer, and works on copies. */
const RESIDENT_GROWTH = 120 * MEBIBYTE;
const RUNS = process.env.LONG ? 1000 : 100;

let logDir: string;
let audit: AuditLog;
let setup: GenesysGateway;
let pids: (number | undefined)[];

const pidsNow = (): (number | undefined)[] => PLUGINS.map(({ name }) => setup.gateway.pluginServerPid(name));

beforeAll(async () => {
  logDir = mkdtempSync(join(tmpdir(), 'hostile-'));
  audit = openAuditLog(join(logDir, 'audit.log'));
  const plugins = PLUGINS.map((plugin) =>
    plugin.name === 'genesys-pii-log' ? { ...plugin, args: ['--log-dir', logDir] } : plugin,
  );
  setup = await startGenesysGateway({ plugins, withQuota: true, edit: everyPlugin });
  serve({ id: 1, email: SECRET });
  expect(await status(get(RULED))).toBe(200);
  pids = pidsNow();
});
afterAll(async () => {
  await setup?.close();
  rmSync(logDir, { recursive: true, force: true });
});
beforeEach(() => {
  setup.genesys.control.clearStubs();
  setup.genesys.control.reset();
  serve({ id: 1, email: SECRET });
});
afterEach(async () => {
  expect(await status(get(RULED))).toBe(200);
  expect(pidsNow()).toEqual(pids);
  const written = audit.text();
  for (const planted of [EMAIL, CARD, 'demo-key', DEFAULT_CLIENT.clientSecret]) expect(written).not.toContain(planted);
  expect(setup.gateway.log()).not.toContain(DEFAULT_CLIENT.clientSecret);
});

/** The filter and the audit log on every route to Genesys, and limits that a test does not reach by accident. */
function everyPlugin(config: KongConfig, ruledLimit = 1_000_000): void {
  addToApi(config, { name: 'genesys-pii-log', config: { sinks: [{ type: 'file', path: audit.path }] } });
  addToApi(config, {
    name: 'genesys-response-filter',
    // pass: what gets around the rule is seen.
    config: { rules: [{ paths: [RULED], keep: ['id'] }], on_no_match: 'pass' },
  });
  const many = { limit: 1_000_000, window: 'hour' };
  for (const plugin of config.services.flatMap(({ routes }) => routes).flatMap((route) => route.plugins)) {
    if (plugin.name !== 'genesys-quota' || plugin.config.namespace !== 'genesys-cloud') continue;
    delete plugin.config.spike_arrest;
    plugin.config.limits = [
      { name: `ruled-${ruledLimit}`, window: 'hour', limit: ruledLimit, by: 'global', paths: [RULED] },
      { name: 'by-header', ...many, by: 'header', by_name: '__proto__' },
      { name: 'by-query', ...many, by: 'query', by_name: 'constructor' },
      { name: 'consumer', ...many, by: 'consumer' },
    ];
  }
  for (const consumer of config.consumers ?? []) delete consumer.plugins;
}

function serve(body: unknown, headers: Record<string, string> = {}): void {
  setup.genesys.control.stub({ path: '/api/*', body, headers });
}

const get = (path: string, headers: Record<string, string> = {}) =>
  rawRequest(`${setup.gateway.url}${path}`, { headers: { ...KEY, ...headers } });
const status = async (answer: Promise<{ status: number }>): Promise<number> => (await answer).status;

/** A request head as it is written; each line ends where `lines` says. */
const head = (path: string, ...lines: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: gateway', 'apikey: demo-key', 'Connection: close', ...lines, '', ''].join('\r\n');

/** The statuses of what came back. */
const statusesIn = (answer: string): number[] =>
  [...answer.matchAll(/^HTTP\/1\.[01] (\d{3}) /gm)].map(([, code]) => Number(code));

/** Paths that the simulator saw. */
const seen = (): string[] => setup.genesys.control.requests({ kind: 'api' }).map(({ path }) => path);

/** Answers that say what is wrong with a request; a failure of ours or of the service is none. */
const DESIGNED = [200, 400, 401, 403, 404, 405, 408, 411, 413, 414, 417, 431, 494, 501, 505];

describe('headers', () => {
  const many = Array.from({ length: 1000 }, (_, n) => `X-Header-${n}: ${EMAIL}`);
  const smuggled = `GET /api/v2/smuggled HTTP/1.1\r\nHost: gateway\r\napikey: demo-key\r\n\r\n`;
  const cases: [string, string][] = [
    ['invalid UTF-8', head(RULED, 'X-Bad: \xff\xfe\xc3\x28', 'User-Agent: \x80', 'X-Correlation-Id: \xed\xa0\x80')],
    ['a thousand', head(RULED, ...many)],
    ['a value of 64 KB', head(RULED, `X-Long: ${'x'.repeat(65_536)}`)],
    ['sixteen values of 4 KB', head(RULED, ...Array.from({ length: 16 }, (_, n) => `X-${n}: ${'x'.repeat(4096)}`))],
    ['two credentials', head(RULED, 'Authorization: Bearer one', 'Authorization: Basic dHdvOnR3bw==')],
    ['two keys', head(RULED, 'apikey: wrong')],
    ['two hosts', head(RULED, 'Host: other')],
    ['a name with a space', head(RULED, 'X Bad: 1')],
    ['a space before the colon', head(RULED, 'Authorization : Bearer x')],
    ['a NUL', head(RULED, 'X-Nul: a\0b')],
    ['a bare CR', head(RULED, 'X-Cr: a\rAuthorization: Bearer x')],
    ['bare LFs', head(RULED, 'X-Lf: a').replaceAll('\r\n', '\n')],
    ['a folded line', head(RULED, 'X-Folded: a', ' Authorization: Bearer x')],
    ['names that every object has', head(RULED, '__proto__: a', 'constructor: b', 'toString: c', 'hasOwnProperty: d')],
    ['Connection naming headers', head(RULED, 'Connection: apikey, x-correlation-id, x-consumer-username, cookie')],
    ['both lengths', `${head(RULED, 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n${smuggled}`],
    ['two lengths', `${head(RULED, 'Content-Length: 0', `Content-Length: ${smuggled.length}`)}${smuggled}`],
    ['a list of lengths', `${head(RULED, 'Content-Length: 0, 5')}${smuggled}`],
    ['a length with a sign', `${head(RULED, 'Content-Length: +0')}${smuggled}`],
    ['a length beyond all', head(RULED, 'Content-Length: 99999999999999999999')],
    ['a coding nobody knows', `${head(RULED, 'Transfer-Encoding: xchunked')}0\r\n\r\n${smuggled}`],
    [
      'chunked, and again',
      `${head(RULED, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity')}0\r\n\r\n${smuggled}`,
    ],
    ['a hidden coding', `${head(RULED, 'Transfer-Encoding:\x0bchunked', 'Content-Length: 0')}${smuggled}`],
    ['a chunk that lies', `${head(RULED, 'Transfer-Encoding: chunked')}fffffffffffffffff\r\nx\r\n0\r\n\r\n`],
    ['no HTTP', `${'\x16\x03\x01'.repeat(100)}\r\n\r\n`],
  ];

  it.each(cases)('of %s get a designed answer, and nothing is smuggled', async (_what, bytes) => {
    const answer = await rawBytes(setup.gateway.url, bytes, true);
    for (const code of statusesIn(answer)) expect(DESIGNED).toContain(code);
    expect(statusesIn(answer).length).toBeLessThan(2);
    expect(answer).not.toContain(SECRET);
    expect(answer).not.toContain(DEFAULT_CLIENT.clientSecret);
    expect(seen().filter((path) => path.includes('smuggled'))).toEqual([]);
    for (const { headers, authorized } of setup.genesys.control.requests({ kind: 'api' })) {
      expect(headers).not.toHaveProperty('apikey');
      expect(headers.authorization).toEqual(expect.any(String));
      expect(authorized).toBe(true);
    }
  });
});

/** What a service may take a path for: decoded, without parameters of its segments, its dots and slashes resolved. */
function takenFor(path: string): string {
  let decoded = path;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    // Byte by byte: what is no UTF-8 keeps no slash and no dot from being one.
    decoded = path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
  const segments: string[] = [];
  for (const segment of decoded.split('/').map((part) => part.replace(/;.*$/s, ''))) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return `/${segments.join('/')}`;
}

describe('a path', () => {
  const spellings = [
    '/api/v2/things/limited/',
    '//api/v2/things/limited',
    '/api/v2//things///limited',
    '/api/v2/./things/limited/.',
    '/api/v2/x/../things/limited',
    '/api/v2/things/limited/x/..',
    '/api/v2/things/%2e/limited',
    '/api/v2/x/%2e%2E/things/limited',
    '/api/v2/x/..%2fthings/limited',
    '/api/v2/x%2f..%2fthings%2flimited',
    '/api/v2/%74hings/limite%64',
    '/api/v2/things%2flimited',
    '/api/v2/things%2Flimited%2f',
    '/api/v2%2fthings/limited',
    '/%61pi/v2/things/limited',
    '/api/api/v2/things/limited',
    '/api/v2/../../api/v2/things/limited',
    '/directory/../api/v2/things/limited',
    '/directory/..%2fthings/limited',
    '/directory/..;/things/limited',
    '/api/v2/things;a=b/limited',
    '/api/v2/things/limited;a=b',
    '/api/v2/things/limited;',
    '/api/v2/things/limited%3Ba=b',
    '/api/v2/x/..;/things/limited',
    '/api/v2/x/..;a=b/things/limited',
    '/api/v2/;/things/limited',
    '/api/v2/things/limited?',
    '/api/v2/things/limited?/../../x',
    '/api/v2/things/limited?a=%zz&b=%',
    '/api/v2/things/limited#x',
    '/api/v2/things/%256cimited',
    '/api/v2/things%252flimited',
    '/api/v2/things/limited%00',
    '/api/v2/things/limited%',
    '/api/v2/things/limited%zz',
    '/api/v2/things/%zz/../limited',
    '/api/v2/%zz%2f..%2fthings/limited',
    '/api/v2/x%c0%2f..%2fthings/limited',
    '/api/v2/things\\limited',
    '/api/v2/things%5climited',
    '/api/v2/things/%EF%BD%8Cimited',
    '/api/v2/things/%c0%ae%c0%ae/limited',
    '/api/v2/things/\xe9/../limited',
    'http://gateway/api/v2/things/limited',
    'http://other/api/v2/x/../things/limited',
    `/api/v2/things/limited?q=${'x'.repeat(7000)}`,
    `/api/v2/${'x/../'.repeat(500)}things/limited`,
  ];
  const spelling = fc
    .tuple(
      fc.array(
        fc.constantFrom(
          '/',
          '//',
          '/./',
          '/x/../',
          '%2f',
          '/%2e/',
          '/x/%2e%2e/',
          '/;/',
          '/x/..;/',
          '/x%2f../',
          '/%c0%2f../',
        ),
        {
          minLength: 2,
          maxLength: 2,
        },
      ),
      fc.array(fc.constantFrom('', '', ';a=b', '%3ba', '/', '%2f', '/.', '?x=1'), { minLength: 1, maxLength: 2 }),
      fc.array(fc.boolean(), { minLength: 13, maxLength: 13 }),
    )
    .map(([slashes, ends, encoded]) => {
      let letter = 0;
      const word = (text: string): string =>
        text.replace(/./g, (c) => {
          letter += 1;
          return encoded[letter] ? `%${c.charCodeAt(0).toString(16)}` : c;
        });
      return `/api/v2${slashes[0]}${word('things')}${slashes[1]}${word('limited')}${ends.join('')}`;
    });

  it('is one to the filter too, however it is spelt, if it is one to the service', async () => {
    let reached = 0;
    const check = async (path: string): Promise<void> => {
      setup.genesys.control.reset();
      const answer = await rawBytes(setup.gateway.url, head(path));
      const isBlocked = answer.includes('gateway.response.blocked');
      for (const code of statusesIn(answer)) {
        expect([path, code, isBlocked || DESIGNED.includes(code)]).toEqual([path, code, true]);
      }
      const [at] = seen();
      if (at === undefined || takenFor(at) !== RULED) return;
      reached += 1;
      expect([path, at, answer.includes(SECRET)]).toEqual([path, at, false]);
    };
    for (const path of spellings) await check(path);
    await fc.assert(fc.asyncProperty(spelling, check), { numRuns: RUNS });
    expect(reached).toBeGreaterThan(RUNS / 10);
  }, 120_000);

  it('is one to the quota too, however it is spelt, if it is one to the service', async () => {
    await setup.reconfigure((config) => everyPlugin(config, 1));
    try {
      expect(await status(get(RULED))).toBe(200);
      expect(await status(get(RULED))).toBe(429);
      setup.genesys.control.reset();
      const check = async (path: string): Promise<void> => {
        await rawBytes(setup.gateway.url, head(path));
        expect(
          seen()
            .filter((at) => takenFor(at) === RULED)
            .map((at) => [path, at]),
        ).toEqual([]);
      };
      for (const path of spellings) await check(path);
      await fc.assert(fc.asyncProperty(spelling, check), { numRuns: RUNS });
    } finally {
      await setup.reconfigure((config) => everyPlugin(config));
    }
  }, 120_000);
});

describe('a query', () => {
  it.each([
    ['8 KB', `?q=${'x'.repeat(8000)}`],
    ['a thousand parameters', `?${Array.from({ length: 1000 }, (_, n) => `p${n}=1`).join('&')}`],
    ['names that every object has', '?__proto__=a&constructor=b&constructor[prototype]=c&toString=d&__proto__[x]=1'],
    ['personal data', `?q=${encodeURIComponent(EMAIL)}&pageToken=${CARD}&__proto__=${EMAIL}`],
    ['personal data, twice encoded', `?q=${encodeURIComponent(encodeURIComponent(EMAIL))}`],
    ['escapes that are none', '?a=%&b=%zz&c=%c0%af&d=%00&%=1&=2&&;;'],
  ])('of %s is no way around', async (_what, query) => {
    const answer = await rawBytes(setup.gateway.url, head(`${RULED}${query}`));
    for (const code of statusesIn(answer)) expect(DESIGNED).toContain(code);
    expect(statusesIn(answer)).toHaveLength(1);
    expect(answer).not.toContain(SECRET);
    const id = /^x-kong-request-id: (\S+)/im.exec(answer)?.[1];
    if (statusesIn(answer)[0] === 200) await audit.entryOf(id ?? null);
  });
});

const encoders = [
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', (body: Buffer) => brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
] as const;
const bombs = encoders.map(([coding, encode]) => [coding, encode(Buffer.alloc(BOMB_BYTES, '[')), encode] as const);

/** Runs this and holds the memory of the plugin servers to their bound. */
async function withinMemory(run: () => Promise<void>): Promise<void> {
  const before = pids.map((pid) => (pid === undefined ? 0 : residentBytes(pid)));
  await run();
  for (const [index, pid] of pids.entries()) {
    if (pid === undefined) continue;
    expect(residentBytes(pid) - (before[index] ?? 0), PLUGINS[index]?.name).toBeLessThan(RESIDENT_GROWTH);
  }
}

describe('a body of a request', () => {
  const json = { 'Content-Type': 'application/json' };
  const post = (body: string | Buffer, headers: Record<string, string> = json) =>
    rawRequest(`${setup.gateway.url}${RULED}`, { method: 'POST', headers: { ...KEY, ...json, ...headers }, body });

  it.each([
    ['arrays', `${'['.repeat(100_000)}"${EMAIL}"`],
    ['objects', `${`{"${EMAIL}":`.repeat(20_000)}1`],
    ['whole arrays', `${'['.repeat(100_000)}"${EMAIL}"${']'.repeat(100_000)}`],
    ['numbers without end', `{"a":1e999999,"b":${'9'.repeat(100_000)},"c":-0.${'1'.repeat(1000)}}`],
    ['a number that is a card', `{"n":${CARD},"m":${CARD}.0,"l":[${CARD}]}`],
    ['keys twice', `{"email":"x","email":"${EMAIL}","a":{"email":1,"email":"${EMAIL}"}}`],
    ['names of prototypes', `{"__proto__":{"email":"${EMAIL}"},"constructor":{"prototype":{"x":"${EMAIL}"}}}`],
    ['escapes', `{"x":"${[...EMAIL].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join('')}"}`],
    ['a NUL and half a surrogate', `{"a":"\\u0000${EMAIL}\\ud800","b":"\0"}`],
    ['nothing at all', ' '],
  ])('of %s passes, and its log holds nothing personal', async (_what, body) => {
    const answer = await post(body);
    expect(DESIGNED).toContain(answer.status);
    await audit.entryOf(String(answer.headers['x-kong-request-id']));
  });

  it.each(bombs)('that inflates (%s) takes no memory', async (coding, bomb) => {
    await withinMemory(async () => {
      for (let n = 0; n < 5; n += 1) {
        const answer = await post(bomb, { 'Content-Encoding': coding });
        expect(DESIGNED).toContain(answer.status);
        await audit.entryOf(String(answer.headers['x-kong-request-id']));
      }
    });
  });

  it.each([
    ['gzip', Buffer.from(`{"email":"${EMAIL}"}`)],
    ['br', gzipSync(`{"email":"${EMAIL}"}`)],
    ['gzip, gzip, gzip, gzip, gzip, gzip, gzip', gzipSync(`{"email":"${EMAIL}"}`)],
    ['identity', Buffer.from(`"${EMAIL}"`, 'utf16le')],
    ['constructor', Buffer.from(`"${EMAIL}"`)],
  ])('that says to be %s and is not is logged without what it holds', async (coding, body) => {
    const answer = await post(body, { 'Content-Encoding': coding });
    expect(DESIGNED).toContain(answer.status);
    await audit.entryOf(String(answer.headers['x-kong-request-id']));
  });

  it('that is shorter than its length ends with its connection, and one that is longer is no second request', async () => {
    const start = (length: number) => head(RULED, `Content-Length: ${length}`, 'Content-Type: application/json');
    const short = await rawBytes(setup.gateway.url, `${start(1000)}{"email":"${EMAIL}"}`, true);
    for (const code of statusesIn(short)) expect(DESIGNED).toContain(code);
    const long = await rawBytes(
      setup.gateway.url,
      `${start(2)}{}GET /api/v2/smuggled HTTP/1.1\r\nHost: x\r\n\r\n`,
      true,
    );
    expect(statusesIn(long)).toHaveLength(1);
    expect(seen()).not.toContain('/api/v2/smuggled');
  });
});

describe('a body of the service', () => {
  it.each(bombs)('that inflates (%s) is withheld, and takes no memory', async (coding, bomb) => {
    serve(bomb, { 'Content-Encoding': coding });
    await withinMemory(async () => {
      for (let n = 0; n < 5; n += 1) {
        const answer = await get(RULED);
        expect(answer.status).toBe(502);
        expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'gateway.response.blocked' });
        await audit.entryOf(String(answer.headers['x-kong-request-id']));
      }
    });
    serve({ id: 1 });
  });

  it.each([
    ['keys twice', `{"id":1,"email":"${SECRET}","id":{"x":"y"},"email":["${SECRET}"]}`, {}],
    ['names of prototypes', `{"__proto__":{"id":"${SECRET}"},"constructor":{"id":"${SECRET}"},"id":1}`, {}],
    ['a key in escapes', `{"id":1,"e\\u006dail":"${SECRET}","i\\u0064":2}`, {}],
    ['many levels', `${'{"email":'.repeat(50_000)}"${SECRET}"${'}'.repeat(50_000)}`, {}],
    ['many levels of lists', `${'['.repeat(100_000)}{"email":"${SECRET}"}${']'.repeat(100_000)}`, {}],
    ['an end that is missing', `{"id":1,"email":"${SECRET}"`, {}],
    ['more behind its end', `{"id":1}{"email":"${SECRET}"}`, {}],
    ['another coding than it says', `{"id":1,"email":"${SECRET}"}`, { 'Content-Encoding': 'gzip' }],
    ['a coding nobody knows', `{"id":1,"email":"${SECRET}"}`, { 'Content-Encoding': 'toString' }],
    ['no JSON', `<email>${SECRET}</email>`, { 'Content-Type': 'text/xml' }],
    ['a type nobody knows', `{"email":"${SECRET}"}`, { 'Content-Type': '__proto__' }],
  ])('with %s lets out nothing but what the rule keeps', async (_what, body, headers) => {
    serve(Buffer.from(body), headers as Record<string, string>);
    const answer = await get(RULED);
    expect([200, 502]).toContain(answer.status);
    expect(answer.body.toString('latin1')).not.toContain(SECRET);
    serve({ id: 1 });
  });
});
