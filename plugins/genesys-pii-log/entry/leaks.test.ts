/**
 * Secrets of every kind, unique and in any encoding that a reader can undo, are planted anywhere in requests; none of them
 * is in the line that goes to a sink.
 */
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { realClock } from '../../shared/clock.js';
import type { CapturedBody } from '../body/body.js';
import { ExtraSearchTime } from '../mask/search-time.js';
import { HASH_KEY, testConfig } from '../testing/config.js';
import { kongEntry } from '../testing/entry.js';
import { createRandom, ENCODINGS, leaked, makeSecret, type Random } from '../testing/secrets.js';
import { buildEntry } from './entry.js';
import { parseKongEntry } from './kong-entry.js';
import { toLine } from './line.js';

const WORDS = [
  'please',
  'call',
  'Größe',
  'the',
  'number',
  'is',
  'ok',
  '17',
  '2026-01-12T09:00:00.000Z',
  'naïve',
  '—',
] as const;

/** A text with a secret in it, as it may stand in a JSON string. */
function withSecret(random: Random, secrets: string[]): string {
  const { text } = makeSecret(random);
  secrets.push(text);
  const encode = ENCODINGS[random.int(0, ENCODINGS.length - 1)] ?? ((same: string) => same);
  const encoded = encode(text);
  const before = Array.from({ length: random.int(0, 3) }, () => random.pick(WORDS)).join(' ');
  const separator = random.pick([' ', ': ', ' (', ' "', ', ', '\n', ' <']);
  // Digits right after it would make another number of it.
  const after = random.pick([
    () => random.pick(['', '.', 'please', '.ok']),
    () => random.pick([' ', ') ', '"', ', ', '\n', '> ', ';']) + random.pick(WORDS),
  ])();
  const whole = `${before}${before === '' ? '' : separator}${encoded}${after}`;
  // A text within a text.
  if (random.int(0, 9) === 0) return JSON.stringify({ inner: whole, n: [1, whole] });
  if (random.int(0, 14) === 0) return Buffer.from(`${before} ${text} ${before}`).toString('base64');
  if (random.int(0, 9) === 0)
    return `/api/v2/things?pageSize=25&q=${encodeURIComponent(text)}&state=${encodeURIComponent(text)}#x=${encodeURIComponent(text)}`;
  return whole;
}

function randomJson(random: Random, secrets: string[], depth: number): unknown {
  switch (random.int(depth > 4 ? 3 : 0, 9)) {
    case 0:
    case 1:
      return Object.fromEntries(
        Array.from({ length: random.int(0, 5) }, (_, index) => [
          random.int(0, 7) === 0 ? withSecret(random, secrets) : `key${index}`,
          randomJson(random, secrets, depth + 1),
        ]),
      );
    case 2:
      return Array.from({ length: random.int(0, 4) }, () => randomJson(random, secrets, depth + 1));
    case 3: {
      const { kind, text } = makeSecret(random, random.pick(['card', 'phone']));
      const digits = text.replace(/\D/g, '');
      if (kind === 'phone' && (!/^1\d{10}$/.test(digits) || !text.startsWith('1'))) return 17;
      secrets.push(digits);
      return Number(digits) > Number.MAX_SAFE_INTEGER ? digits : Number(digits);
    }
    case 4:
      return random.pick([null, true, 0, -1.5, 1_736_672_400_000, '']);
    case 5:
      return random.uuid();
    default:
      return withSecret(random, secrets);
  }
}

function body(random: Random, secrets: string[]): CapturedBody {
  const make = (text: string, contentType: string): CapturedBody => {
    const [contentEncoding, bytes] = random.pick<[string | undefined, Buffer]>([
      [undefined, Buffer.from(text)],
      ['gzip', gzipSync(text)],
      ['br', brotliCompressSync(text)],
    ]);
    return { bytes, size: bytes.length, contentType, contentEncoding };
  };
  switch (random.int(0, 5)) {
    case 0:
      return make(
        Array.from({ length: 5 }, (_, i) => `p${i}=${encodeURIComponent(withSecret(random, secrets))}`).join('&'),
        'application/x-www-form-urlencoded',
      );
    case 1:
      return make(Array.from({ length: 5 }, () => withSecret(random, secrets)).join(' \n '), 'text/plain');
    case 2: {
      const { text } = makeSecret(random);
      secrets.push(text);
      return make(
        `--x\r\nContent-Disposition: form-data; name="${encodeURIComponent(text)}"; filename="${text}"\r\n\r\n${text}\r\n--x--`,
        'multipart/form-data; boundary=x',
      );
    }
    case 3: {
      const text = JSON.stringify(randomJson(random, secrets, 0));
      // Broken off, but not within a secret: half of one cannot be known for what it is.
      return make(text.slice(0, text.lastIndexOf('"', random.int(1, text.length))), 'application/json');
    }
    default:
      return make(
        JSON.stringify([randomJson(random, secrets, 0), randomJson(random, secrets, 0)], undefined, random.int(0, 2)),
        'application/json; charset=utf-8',
      );
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const CONFIGS: Record<string, Record<string, unknown>> = {
  redact: { values: 'detect' },
  'redact, cut short': { values: 'detect', max_body_bytes: 150 },
  hash: { values: 'detect', mask: 'hash', hash_key: HASH_KEY, client_ip: 'hash' },
  partial: { values: 'detect', mask: 'partial' },
  'detectors alone': {
    values: 'detect',
    fields: [],
    keep_query_params: ['q', 'state', 'x', 'p'],
    format: 'ecs',
  },
  allow: {},
  'allow, cut short': { max_body_bytes: 150 },
  'allow, hash': { mask: 'hash', hash_key: HASH_KEY, client_ip: 'hash' },
  'allow, partial': { mask: 'partial' },
};

describe.each(Object.entries(CONFIGS))('%s', (name, overrides) => {
  it('leaks nothing, 400 times', async () => {
    const { policy, format } = testConfig(overrides);
    for (let round = 0; round < 400; round++) {
      const random = createRandom(`${name} ${round}`);
      const secrets: string[] = [];
      const plant = (): string => {
        const { text } = makeSecret(random);
        secrets.push(text);
        return text;
      };
      const encoded = (): string => encodeURIComponent(plant());
      const requestBody = body(random, secrets);
      const responseBody = body(random, secrets);
      const json = kongEntry({
        client_ip: plantAddress(random, secrets),
        consumer: { id: 'c1', username: plant(), custom_id: plant() },
        request: {
          id: 'r',
          method: 'GET',
          uri: `/api/${encoded()}/x/${encoded()}?q=${encoded()}&other=${encoded()}&${encoded()}=1&pageSize=${encoded()}`,
          headers: {
            'user-agent': `agent ${plant()}`,
            referer: `https://example.com/${encoded()}?q=${encoded()}&x=${encoded()}#${encoded()}`,
            authorization: `Basic ${base64(plant())}`,
            'x-custom': plant(),
            [`x-${plant().replace(/[^\w.@-]/g, '')}`]: '1',
            accept: [`text/plain; p="${plant()}"`, base64(`a: ${plant()} b`)],
            'x-request-id': plant(),
            traceparent: plant(),
            'content-type': requestBody.contentType,
          },
        },
        response: {
          status: 200,
          headers: {
            location: `/x/${encoded()}?id=${encoded()}`,
            'set-cookie': plant(),
            'inin-correlation-id': plant(),
          },
        },
      });
      const observed = {
        kong: parseKongEntry(JSON.stringify(json)),
        source: 'service',
        credentialId: undefined,
        requestBody,
        responseBody,
      };
      const line = toLine(await buildEntry(observed, policy, new ExtraSearchTime(realClock)), format).json;
      expect(leaked(line, secrets), `round ${round}: ${line}`).toEqual([]);
      expect(() => JSON.parse(line)).not.toThrow();
    }
  });
});

function plantAddress(random: Random, secrets: string[]): string {
  const { text } = makeSecret(random, 'ip');
  secrets.push(text);
  return text;
}

it('a body that is too deep for a JSONPath is left out, and the entry is there', async () => {
  const text = `${'['.repeat(20_000)}"Ann"${']'.repeat(20_000)}`;
  const observed = {
    kong: parseKongEntry(JSON.stringify(kongEntry())),
    source: 'service',
    credentialId: 'ann@example.com',
    requestBody: { bytes: Buffer.from(text), size: text.length, contentType: undefined, contentEncoding: undefined },
    responseBody: undefined,
  };
  const entry = await buildEntry(observed, testConfig({ paths: ['$..x'] }).policy, new ExtraSearchTime(realClock));
  expect(entry.request.body).toEqual({ truncated: true, omitted: 'unreadable' });
  // An authentication plugin of one's own may name its credentials as it likes.
  expect(entry.credential_id).toBe('***REDACTED***');
});

it.each(['native', 'ecs'] as const)(
  'a line of %s holds nothing that a reader of lines or a terminal obeys',
  async (format) => {
    const text = 'a\u0085\u2028\u2029\u009b31m\u007f\u202e\u2066z';
    const headers = { 'user-agent': text };
    const observed = {
      kong: parseKongEntry(JSON.stringify(kongEntry({ request: { headers } }))),
      source: 'service',
      credentialId: undefined,
      requestBody: undefined,
      responseBody: undefined,
    };
    const { json } = toLine(
      await buildEntry(observed, testConfig({ values: 'detect' }).policy, new ExtraSearchTime(realClock)),
      format,
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what is looked for
    expect(json).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/);
    expect(JSON.stringify(JSON.parse(json))).toContain(JSON.stringify(text).slice(1, -1));
  },
);
