/**
 * Patterns that a caller can make slow: an entry takes no longer than it may, says what is missing and why, and shows
 * nothing that was not searched.
 */
import { describe, expect, it } from 'vitest';
import { allowedMs } from '../../../test/support/allowed-time.js';
import { realClock } from '../../shared/clock.js';
import type { CapturedBody } from '../body/body.js';
import { compilePattern } from '../mask/patterns.js';
import { ExtraSearchTime } from '../mask/search-time.js';
import { testConfig } from '../testing/config.js';
import { kongEntry } from '../testing/entry.js';
import { createRandom, type Random } from '../testing/secrets.js';
import { buildEntry, type Entry } from './entry.js';
import { parseKongEntry } from './kong-entry.js';

/** Accepted, and quadratic with a large factor. */
const NAMED = '[A-Z]+[A-Z0-9]{5,12}-[0-9]+';
const SECRET = 'ABCDEFGH-4711';
/** 500 KB that it almost matches, and one match at the end. */
const LONG = `${'A'.repeat(500_000)} ${SECRET}`;
const MATCH = '***REDACTED***';

interface Attack {
  uri?: string;
  headers?: Record<string, string>;
  body?: [contentType: string, text: string];
}

function observed({ uri = '/api/v2/users', headers = {}, body }: Attack) {
  const bytes = Buffer.from(body?.[1] ?? '');
  const requestBody: CapturedBody = { bytes, size: bytes.length, contentType: body?.[0], contentEncoding: undefined };
  return {
    kong: parseKongEntry(JSON.stringify(kongEntry({ request: { method: 'POST', uri, size: 1, headers } }))),
    source: 'service',
    credentialId: undefined,
    requestBody: body === undefined ? undefined : requestBody,
    responseBody: undefined,
  };
}

/** Of this process, in milliseconds: what else the machine does says nothing. */
async function cpuMs(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function makeEntries(regexes: string[], extra = new ExtraSearchTime(realClock)) {
  const patterns = regexes.map((regex, index) => ({ name: `p${index}`, regex, replacement: MATCH }));
  const { policy } = testConfig({ values: 'detect', fields: [], patterns, max_body_bytes: 131_072 });
  return (attack: Attack): Promise<Entry> => buildEntry(observed(attack), policy, extra);
}

const pieces = (length: number): string[] => LONG.match(new RegExp(`.{1,${length}}`, 'g')) ?? [];
const json = (value: unknown): Attack => ({ body: ['application/json', JSON.stringify(value)] });

const IN_BODIES: [string, Attack][] = [
  ['one string', json({ text: LONG })],
  ['strings of a window', json(pieces(1000))],
  ['short strings', json(pieces(60))],
  ['names', json(Object.fromEntries(pieces(900).map((piece, index) => [`${index}${piece}`, 1])))],
  ['JSON within JSON', json({ a: JSON.stringify({ b: JSON.stringify(pieces(700)) }) })],
  ['percent escapes', json({ text: `${'%41'.repeat(150_000)} ${SECRET}` })],
  ['text', { body: ['text/plain', LONG] }],
  ['a form', { body: ['application/x-www-form-urlencoded', `a=${LONG}&b=${SECRET}`] }],
  ['a form of many', { body: ['application/x-www-form-urlencoded', pieces(300).join('&')] }],
];

describe('a body', () => {
  it.each(IN_BODIES)('of %s takes no longer than it may, and is not shown', async (_, attack) => {
    const entryOf = makeEntries([NAMED]);
    const entries: Entry[] = [];
    // What is new is compiled.
    await makeEntries([NAMED])({});
    const ms = await cpuMs(async () => {
      for (let round = 0; round < 5; round++) entries.push(await entryOf(attack));
    });
    // Two may take 25 ms beyond the usual.
    expect(ms).toBeLessThan(allowedMs(200));
    for (const { request, path, masked, truncated, status } of entries) {
      expect(request.body).toEqual({ bytes: attack.body?.[1].length, truncated: true, omitted: 'slow_pattern' });
      expect({ path, status, truncated }).toEqual({ path: '/api/v2/users', status: 200, truncated: true });
      expect(masked['slow_pattern:p0']).toBe(1);
    }
  });

  it('that is ordinary is shown while others are not', async () => {
    const entryOf = makeEntries([NAMED]);
    for (let round = 0; round < 10; round++) {
      expect((await entryOf(json({ text: LONG }))).request.body?.omitted).toBe('slow_pattern');
      const { request, masked } = await entryOf(json({ id: 'a-1', order: `the order ${SECRET}` }));
      expect(request.body?.content).toBe(`{"id":"a-1","order":"the order ${MATCH}"}`);
      expect(masked).toEqual({ 'pattern:p0': 1 });
    }
  });

  it('that is long is shown where it is searched in time', async () => {
    const text = `Asked for ${SECRET} to be called back. `.repeat(3000);
    const { request, masked } = await makeEntries([NAMED])(json({ text }));
    expect(request.body?.content).toContain(`Asked for ${MATCH} to be called back. Asked for ${MATCH} `);
    expect(request.body?.content).not.toContain('ABCDEFGH');
    expect(masked['pattern:p0']).toBeGreaterThan(1000);
  });
});

describe('what stands before the body', () => {
  const slow = 'A'.repeat(1000);

  it('is searched first', async () => {
    const { path, query, request } = await makeEntries([NAMED])({
      uri: `/api/v2/orders/${SECRET}?state=open`,
      headers: { 'user-agent': `test ${SECRET}` },
      ...json({ text: LONG }),
    });
    expect({ path, query, headers: request.headers }).toEqual({
      path: `/api/v2/orders/${MATCH}`,
      query: expect.stringContaining('state='),
      headers: { 'user-agent': `test ${MATCH}` },
    });
    expect(request.body).toEqual({ bytes: expect.any(Number), truncated: true, omitted: 'slow_pattern' });
  });

  it.each<[string, Attack]>([
    ['path', { uri: `/${Array.from({ length: 30 }, () => slow).join('/')}` }],
    ['query', { uri: `/?${Array.from({ length: 30 }, (_, index) => `${slow}${index}=1`).join('&')}` }],
    [
      'headers',
      { headers: Object.fromEntries(['accept', 'referer', 'user-agent', 'origin'].map((name) => [name, slow])) },
    ],
  ])('is left out if it takes too long: %s', async (_, attack) => {
    const extra = new ExtraSearchTime(realClock);
    extra.take(3_600_000);
    const entryOf = makeEntries([NAMED, '[B-Z]+[A-Z0-9]{5,12}-[0-9]+'], extra);
    await makeEntries([NAMED])({});
    let entry: Entry | undefined;
    expect(
      await cpuMs(async () => {
        entry = await entryOf(attack);
      }),
    ).toBeLessThan(allowedMs(50));
    expect(JSON.stringify(entry)).toContain('***OMITTED***');
    expect(entry).toMatchObject({ status: 200, method: 'POST', route: { id: 'r1' }, consumer: { id: /^b1d1/ } });
  });
});

describe('any expression that is accepted', () => {
  type Choice = readonly [string, ...string[]];
  const ATOMS: Choice = [
    'a',
    'b',
    'ab',
    'aab',
    '1',
    '-',
    '=',
    '[ab]',
    '[a1]',
    '[^-]',
    '\\w',
    '\\d',
    '.',
    '\\b',
    '^',
    '$',
  ];
  const QUANTIFIERS: Choice = [
    '',
    '',
    '',
    '?',
    '*',
    '+',
    '{5,12}',
    '{0,16}',
    '{1,3}',
    '{3,}',
    '{64}',
    '{0,64}',
    '+?',
    '{0,7}',
  ];
  const GROUPS: Choice = ['(', '(?:', '(?=', '(?!', '(?<=', '(?<!'];

  function expression(random: Random, depth: number): string {
    return Array.from({ length: random.int(1, 6) }, () => {
      const atom = depth > 0 && random.int(0, 5) === 0 ? group(random, depth) : random.pick(ATOMS);
      return atom + random.pick(QUANTIFIERS);
    }).join('');
  }

  function group(random: Random, depth: number): string {
    const alternatives = Array.from({ length: random.int(1, 3) }, () => expression(random, depth - 1));
    return `${random.pick(GROUPS)}${alternatives.join('|')})`;
  }

  /** Long runs, and units that come again and again. */
  function hostile(random: Random, length: number): string {
    const unit = Array.from({ length: random.int(1, 12) }, () =>
      random.pick(['a', 'b', '1', '-', '=', ' ', 'A']).repeat(random.int(0, 3) === 0 ? random.int(1, 2000) : 1),
    ).join('');
    return `${unit.repeat(Math.ceil(length / unit.length)).slice(0, length)}${random.pick(['!', '-', 'a', '='])}`;
  }

  function accepted(regex: string): ReturnType<typeof compilePattern> | undefined {
    try {
      return compilePattern('p', regex, '');
    } catch {
      return undefined;
    }
  }

  it.each(['one', 'two', 'three'])('takes no entry longer than it may (%s)', async (seed) => {
    const random = createRandom(`slow ${seed}`);
    let longestMs = 0;
    for (let tried = 0; tried < 60; ) {
      const regex = expression(random, 2);
      if (accepted(regex) === undefined) continue;
      tried++;
      const entryOf = makeEntries([regex]);
      const text = hostile(random, 100_000);
      const attack = random.pick([
        json({ text }),
        json(text.match(/.{1,250}/g)),
        { body: ['text/plain', text] as const },
      ]);
      longestMs = Math.max(longestMs, await cpuMs(() => entryOf(attack as Attack)));
    }
    // With what masking takes itself.
    expect(longestMs).toBeLessThan(allowedMs(150));
  });

  it.each(['four', 'five'])('takes little time for what counts as a short search (%s)', (seed) => {
    const random = createRandom(`short ${seed}`);
    for (let tried = 0; tried < 1500; ) {
      const regex = expression(random, 2);
      const rule = accepted(regex);
      const text = hostile(random, random.int(1, 64) ** 2);
      if (rule === undefined || !rule.isShort(text)) continue;
      tried++;
      // The first time it is compiled.
      const times = [0, 1, 2].map(() => {
        const start = performance.now();
        rule.replace(text, () => {});
        return performance.now() - start;
      });
      expect(Math.min(...times), regex).toBeLessThan(allowedMs(1.5));
    }
  });
});
