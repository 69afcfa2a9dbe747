/**
 * `values: allow`, exactly: every text in a line is a value under a kept name in which nothing is found, has a harmless
 * shape, or is the gateway's own. What is harmless is said here a second time, apart from the code.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { realClock } from '../../shared/clock.js';
import type { CapturedBody } from '../body/body.js';
import { normaliseName } from '../mask/fields.js';
import { API_WORDS, KEPT_FIELDS, OPEN_MAPS } from '../mask/genesys-models.js';
import { ExtraSearchTime } from '../mask/search-time.js';
import { findHits } from '../mask/text.js';
import { testConfig } from '../testing/config.js';
import { kongEntry } from '../testing/entry.js';
import { createRandom, makeSecret, type Random } from '../testing/secrets.js';
import { buildEntry, type Entry } from './entry.js';
import { parseKongEntry } from './kong-entry.js';
import { toLine } from './line.js';

const R = '***REDACTED***';
const KEPT = new Set(KEPT_FIELDS.map(normaliseName));
const MAPS = new Set(OPEN_MAPS.map(normaliseName));
const WORDS = new Set(API_WORDS);
const { policy } = testConfig();

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const TIME = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(?::\\d\\d(?:\\.\\d+)?)?(?:Z|[+-]\\d\\d:?\\d\\d)?';
const NEUTRAL = new RegExp(
  `^(?:${UUID}|${TIME}(?:/${TIME})?|P[\\dYMWDTHS.]+|[a-z]{2,3}-[A-Z]{2}|[a-z]+/[a-z+-]+|v?\\d\\d?(?:\\.\\d\\d?){0,2})$`,
  'i',
);

function isNeutral(text: string): boolean {
  if (!text.startsWith('/')) return NEUTRAL.test(text);
  return text
    .slice(1)
    .split('/')
    .every((segment) => WORDS.has(segment) || new RegExp(`^${UUID}$`, 'i').test(segment));
}

/** What a document shows that it must not. */
function faultsOf(value: unknown, key: string, isOpen: boolean): string[] {
  // A list of records under such a name is one of models.
  if (Array.isArray(value)) return value.flatMap((item) => faultsOf(item, isRecord(item) ? '' : key, isOpen));
  if (typeof value === 'object' && value !== null) {
    const inMap = isOpen || MAPS.has(normaliseName(key));
    return Object.entries(value).flatMap(([name, member]) => [
      ...(isPlainName(name) || name === R ? [] : [`name ${name}`]),
      ...faultsOf(member, name, inMap),
    ]);
  }
  const isKept = !isOpen && KEPT.has(normaliseName(key));
  if (typeof value === 'number') {
    return isKept || String(value).replace(/\D/g, '').length < 7 || isTime(key, value) ? [] : [`${key}: ${value}`];
  }
  if (typeof value !== 'string' || value === '' || value === R || isNeutral(value)) return [];
  return isKept && isClean(value) ? [] : [`${key}: ${value}`];
}

const isPlainName = (name: string): boolean =>
  (/^[A-Za-z_$@][\w$-]*$/.test(name) && isClean(name)) || new RegExp(`^${UUID}$`, 'i').test(name);

const isTime = (key: string, value: number): boolean => /Time$|Date$/.test(key) && /^1\d{12}$/.test(`${value}`);

const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

const isClean = (text: string): boolean => findHits(text, policy.rules).length === 0;

const LONG = { max_body_bytes: 131_072 };
const LONG_POLICY = testConfig(LONG).policy;

const PLACES: readonly [string, ...string[]] = [
  'name',
  'state',
  'type',
  'note',
  'id',
  'value',
  'mediaTypes',
  'attributes',
  'context',
  'ani',
  'x y',
];

function text(random: Random): string {
  return random.pick([
    () => random.pick(['Jane Roe', 'voice', 'I live at 12 Main Street', 'password: hunter2', 'Zoe', 'v2', 'de-DE', '']),
    () => makeSecret(random).text,
    () => `call ${makeSecret(random).text}`,
    () => random.uuid(),
    () => random.pick(['2026-01-12T09:00:00Z', 'PT15M', '1985-04-12', '12.4.85', 'text/plain', 'text/jane-roe', 'P']),
    () => `/api/v2/users/${random.pick([random.uuid(), 'jane.roe', 'search', '12345678'])}`,
    () => JSON.stringify({ state: 'Jane Roe', id: makeSecret(random).text }),
    () => random.pick(['sk_live_4eC39HqLyjWDarjtT1zdp7dc', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx.abc', 'ab\u0000cd']),
  ])();
}

function document(random: Random, depth: number): unknown {
  switch (random.int(depth > 4 ? 2 : 0, 5)) {
    case 0:
      return Object.fromEntries(
        Array.from({ length: random.int(0, 6) }, () => [
          random.int(0, 5) === 0
            ? text(random)
            : random.pick(['state', ...PLACES, random.pick(KEPT_FIELDS as [string, ...string[]])]),
          document(random, depth + 1),
        ]),
      );
    case 1:
      return Array.from({ length: random.int(0, 4) }, () => document(random, depth + 1));
    case 2:
      return random.pick([0, 17, -1.5, 999_999, 1_736_672_400_000, 5_551_234, 4_111_111_111_111_111, true, null]);
    default:
      return text(random);
  }
}

const body = (content: string, contentType = 'application/json'): CapturedBody => {
  const bytes = Buffer.from(content);
  return { bytes, size: bytes.length, contentType, contentEncoding: undefined };
};

async function entryOf(request: object, requestBody?: CapturedBody, config: Record<string, unknown> = {}) {
  const observed = {
    kong: parseKongEntry(JSON.stringify(kongEntry({ request: { id: 'r', method: 'GET', size: 1, ...request } }))),
    source: 'service',
    credentialId: undefined,
    requestBody,
    responseBody: undefined,
  };
  const entry = await buildEntry(
    observed,
    config === LONG ? LONG_POLICY : testConfig(config).policy,
    new ExtraSearchTime(realClock),
  );
  return JSON.parse(toLine(entry, 'native').json) as Entry;
}

const contentOf = async (content: string, config: Record<string, unknown> = {}, contentType?: string) =>
  (await entryOf({ uri: '/' }, body(content, contentType), config)).request.body;

describe('a body', () => {
  it.each(['one', 'two', 'three', 'four'])('of random JSON shows nothing but what is harmless (%s)', async (seed) => {
    const random = createRandom(`allow ${seed}`);
    for (let round = 0; round < 400; round++) {
      const content = JSON.stringify([document(random, 0), document(random, 0)]);
      const logged = await contentOf(content, LONG);
      expect(faultsOf(JSON.parse(logged?.content ?? ''), '', false), content).toEqual([]);
    }
  });

  it.each(['one', 'two'])('that is a form shows nothing but what is harmless (%s)', async (seed) => {
    const random = createRandom(`allow form ${seed}`);
    for (let round = 0; round < 400; round++) {
      const content = new URLSearchParams(
        Array.from({ length: 6 }, (): [string, string] => [
          random.int(0, 3) === 0 ? `x${text(random)}` : random.pick(PLACES),
          text(random),
        ]),
      ).toString();
      const logged = await contentOf(content, {}, 'application/x-www-form-urlencoded');
      for (const [name, value] of new URLSearchParams(logged?.content ?? '')) {
        expect(faultsOf({ [name]: value }, '', false), content).toEqual([]);
      }
    }
  });

  it('of each model of the SDK shows no text that is not on the list', async () => {
    const types = readFileSync('node_modules/purecloud-platform-client-v2/index.d.ts', 'utf8');
    let planted = 0;
    for (const [, model = '', members = ''] of types.matchAll(/^\s*export interface (\w+) \{ ([\s\S]*?)^\t\}/gm)) {
      const fields = [...members.matchAll(/^\s*"([^"]+)"\??: (.*);\s*$/gm)]
        .filter(([, , type = '']) => /string|object/.test(type))
        .map(([, name = '']) => name);
      planted += fields.length;
      const content = JSON.stringify({
        [model]: Object.fromEntries(fields.map((name) => [name, `quokka ${name}`])),
        lists: Object.fromEntries(fields.map((name) => [name, [`quokka ${name}`]])),
        maps: Object.fromEntries(fields.map((name) => [name, { anything: `quokka ${name}`, state: 'quokka -' }])),
      });
      const logged = (await contentOf(content, LONG))?.content ?? '';
      const { maps, ...rest } = JSON.parse(logged) as Record<string, Record<string, unknown>>;
      for (const [, name = ''] of JSON.stringify(rest).matchAll(/quokka ([\w-]+)/g))
        expect(KEPT.has(normaliseName(name)), name).toBe(true);
      for (const [name, value] of Object.entries(maps ?? {})) {
        const isMap = MAPS.has(normaliseName(name));
        if (isMap || JSON.stringify(value).includes('anything":"quokka')) {
          expect(JSON.stringify(value)).not.toContain('quokka');
        }
      }
    }
    expect(planted).toBeGreaterThan(10_000);
  });

  it.each([
    ['{"nextUri":"/api/v2/users?pageSize=2&pageNumber=3"}', '{"nextUri":"/api/v2/users?pageSize=2&pageNumber=3"}'],
    ['{"nextUri":"/api/v2/users?pageSize=2&q=Jane"}', `{"nextUri":"${R}"}`],
    [
      '{"results":[{"group":{"mediaType":"voice"},"data":[{"metrics":[{"metric":"tTalk","stats":{"sum":2585243420}}]}]}]}',
      `{"results":[{"group":{"mediaType":"voice"},"data":[{"metrics":[{"metric":"tTalk","stats":{"sum":2585243420}}]}]}]}`,
    ],
    [
      '{"address":{"city":"Sampleton","state":"CA"},"addresses":[{"address":"x","mediaType":"PHONE"}]}',
      `{"address":{"city":"${R}","state":"${R}"},"addresses":[{"address":"${R}","mediaType":"PHONE"}]}`,
    ],
    ['{"text":"Hi, I am Jane Roe, living at 12 Main Street"}', `{"text":"${R}"}`],
    [
      '{"transcripts":[{"phrases":[{"text":"I am Jane","stability":1}]}]}',
      `{"transcripts":[{"phrases":[{"text":"${R}","stability":1}]}]}`,
    ],
    ['[{"name":"firstName","value":"Zoe"}]', `[{"name":"${R}","value":"${R}"}]`],
    ['{"op":"replace","path":"/firstName","value":"Zoe"}', `{"op":"replace","path":"${R}","value":"${R}"}`],
    ['{"query":"{ user(password: \\"hunter2\\") { id } }"}', `{"query":"${R}"}`],
    ['{"latitude":-77.034040723966,"score":12.5}', `{"latitude":"${R}","score":12.5}`],
    ['{"state":"active","mediaTypes":["voice","chat"]}', '{"state":"active","mediaTypes":["voice","chat"]}'],
    ['{"state":"mail a@b.de"}', `{"state":"${R}"}`],
    ['{"attributes":{"state":"pregnant","flag":true}}', `{"attributes":{"state":"${R}","flag":true}}`],
    ['{"context":{"state":"pregnant","flag":true,"n":3}}', `{"context":{"state":"${R}","flag":true,"n":3}}`],
    [
      '{"4f2a1b3c-1111-4222-8333-123456789012":{"state":"x"}}',
      '{"4f2a1b3c-1111-4222-8333-123456789012":{"state":"x"}}',
    ],
    ['{"jane@example.com":1,"Jane Roe":2,"t2125550100":3}', `{"${R}":1,"${R}":2,"${R}":3}`],
    ['{"id":"jane.roe","queueId":"q-17"}', `{"id":"${R}","queueId":"q-17"}`],
    ['{"ssn":123456789,"extension":1234,"n":123456}', `{"ssn":"${R}","extension":"${R}","n":123456}`],
    ['{"startTime":1736672400000,"phone2":1736672400000}', `{"startTime":1736672400000,"phone2":"${R}"}`],
    ['{"born":"1985-04-12T00:00:00Z","at":"2026-04-12T00:00:00Z"}', `{"born":"${R}","at":"2026-04-12T00:00:00Z"}`],
    [
      '{"state":"password: hunter2","type":"ghp_abcdefghijklmnopqrstuvwxyz0123456789"}',
      `{"state":"${R}","type":"${R}"}`,
    ],
    ['{"dateOfBirth":"1985-04-12T00:00:00Z"}', `{"dateOfBirth":"${R}"}`],
    ['{"state":"a\\u0062c","type":"\\u006a@x.de"}', `{"state":"a\\u0062c","type":"${R}"}`],
  ])('%s', async (content, expected) => {
    expect((await contentOf(content))?.content).toBe(expected);
  });

  it('shows what a path leads to, though a name says that it is masked, but no credential', async () => {
    const config = { keep_fields: ['genesys', '**.attributes.tier', 'queueName', 'token', 'list[*].value'] };
    const content = {
      attributes: { tier: 'gold', x: 'y' },
      queueName: 'Support EMEA',
      token: 'x',
      list: [{ value: 'a' }],
    };
    expect((await contentOf(JSON.stringify(content), config))?.content).toBe(
      JSON.stringify({
        attributes: { tier: 'gold', x: R },
        queueName: 'Support EMEA',
        token: R,
        list: [{ value: 'a' }],
      }),
    );
  });

  it('hashes what it does not show, as the same value anywhere else', async () => {
    const config = { mask: 'hash', hash_key: 'a key of sixteen bytes or more!' };
    const { content = '' } = (await contentOf('{"a":"x@y.de","b":"X@y.de","c":"words"}', config)) ?? {};
    const { a, b, c } = JSON.parse(content) as Record<string, string>;
    expect(a).toMatch(/^\*\*\*HASH:\w+:email:/);
    expect(b).toBe(a);
    expect(c).toMatch(/^\*\*\*HASH:\w+:text:/);
  });

  it.each([
    ['text/csv', 'firstName,lastName\nZoe,Roe\n', 'text'],
    ['application/yaml', 'firstName: Zoe\n', 'text'],
    ['application/xml', '<firstName>Zoe</firstName>', 'text'],
    ['application/graphql', '{ user(password: "hunter2") { id } }', 'json'],
    ['application/json', '{"firstName": "Zoe",', 'json'],
    ['text/plain', 'Zoe', 'text'],
  ])('of %s is its size and type', async (contentType, content, kind) => {
    const logged = await contentOf(content, {}, contentType);
    expect(logged).toMatchObject({ kind, bytes: content.length, content_type: contentType });
    expect(JSON.stringify(logged)).not.toMatch(/Zoe|hunter/);
  });
});

describe('a request line', () => {
  it.each([
    ['/api/v2/users/4f2a1b3c-1111-4222-8333-123456789012/queues', undefined],
    ['/api/v2/users/jane.roe/queues', `/api/v2/users/${R}/queues`],
    ['/api/v2/numbers/212/555/0100', `/api/v2/numbers/212/${R}/${R}`],
    ['/directory/Jane%20Roe', `/directory/${R}`],
    ['/elsewhere', `/${R}`],
  ])('path %s', async (path, shown = path) => {
    const kong = kongEntry({
      request: { method: 'GET', uri: path, headers: {} },
      route: { id: 'r', paths: ['/directory'] },
    });
    const observed = {
      kong: parseKongEntry(JSON.stringify(kong)),
      source: 'service',
      credentialId: undefined,
      requestBody: undefined,
      responseBody: undefined,
    };
    expect((await buildEntry(observed, policy, new ExtraSearchTime(realClock))).path).toBe(shown);
  });

  it('shows parameters that are listed, and shapes', async () => {
    const uri = '/?pageSize=25&q=Ann&state=a%40b.de&x=4f2a1b3c-1111-4222-8333-123456789012&Jane%20Roe=1&id=q1';
    expect((await entryOf({ uri })).query).toBe(
      `pageSize=25&q=${R}&state=${R}&x=4f2a1b3c-1111-4222-8333-123456789012&${R}=${R}&id=q1`,
    );
  });

  it('shows no method that is somebody’s own', async () => {
    expect((await entryOf({ uri: '/', method: 'JANE-ROE' })).method).toBe(R);
  });
});

it.each(['one', 'two', 'three'])(
  'a line and headers of anything show nothing but what is harmless (%s)',
  async (seed) => {
    const random = createRandom(`allow line ${seed}`);
    const value = (): string => text(random).replace(/[^\x20-\x7e]/g, '');
    const isShown = (shown: string): boolean => shown === R || shown === '' || isNeutral(shown);
    const decode = (encoded: string): string => decodeURIComponent(encoded.replaceAll('+', ' '));
    for (let round = 0; round < 300; round++) {
      const names = ['pageSize', 'q', 'state', 'id', 'name', value() || 'x'];
      const query = names.map((name) => `${encodeURIComponent(name)}=${encodeURIComponent(value())}`).join('&');
      const segments = Array.from({ length: 4 }, () => encodeURIComponent(value() || 'users'));
      const listed = ['accept', 'user-agent', 'host', 'vary', 'date', 'retry-after', 'x-request-id', 'etag'];
      const headers = Object.fromEntries([...listed, 'x-note', value() || 'x'].map((name) => [name, value()]));
      const entry = await entryOf({ uri: `/${segments.join('/')}?${query}`, headers });
      for (const segment of (entry.path ?? '').split('/').map(decode)) {
        expect(isShown(segment) || WORDS.has(segment) || /^\d{1,6}$/.test(segment), `${segments}: ${segment}`).toBe(
          true,
        );
      }
      for (const pair of (entry.query ?? '').split('&')) {
        const [name = '', shown = ''] = pair.split('=').map(decode);
        const isKept = policy.rules.keptParams.has(name.toLowerCase()) && isClean(shown);
        expect(isShown(shown) || isKept, `${query}: ${pair}`).toBe(true);
        expect(name === R || isPlainName(name), `${query}: ${pair}`).toBe(true);
      }
      for (const [name, shown] of Object.entries(entry.request.headers)) {
        const isKept = listed.includes(name) && isClean(shown);
        expect(isShown(shown) || isKept, `${name}: ${shown}`).toBe(true);
        expect(name === R || isPlainName(name), name).toBe(true);
      }
    }
  },
);

it('headers are shown if they are listed, and are what they say', async () => {
  const headers = {
    accept: 'application/json',
    'content-length': 'Jane',
    'retry-after': '17',
    date: 'Jane Roe',
    vary: 'accept-encoding, origin',
    connection: 'jane roe',
    'user-agent': 'test/1.0',
    'x-request-id': 'jane-roe-1',
    referer: 'https://example.com/api/v2/users/jane.roe?q=Ann&pageSize=2#x',
    'x-jane@example.com': '1',
    'x-other': 'Jane',
  };
  expect((await entryOf({ uri: '/', headers })).request.headers).toEqual({
    accept: 'application/json',
    'content-length': R,
    'retry-after': '17',
    date: R,
    vary: 'accept-encoding, origin',
    connection: R,
    'user-agent': 'test/1.0',
    'x-request-id': R,
    referer: `https://example.com/api/v2/users/${R}?q=${R}&pageSize=2#${R}`,
    [R]: R,
    'x-other': R,
  });
});

it.each([
  [['value'], 'keep_fields[0]'],
  [['genesys', '$..x'], 'keep_fields[1]'],
  [['a..b'], 'keep_fields[0]'],
])('refuses to keep %j', (keepFields, field) => {
  expect(() => testConfig({ keep_fields: keepFields })).toThrow(field);
});
