/**
 * Configurations that nobody would write, for each plugin: made from its own schema, and then spoilt. What reads them
 * gives a configuration or refuses it in one line that names the field, holds no secret and is no accident of the code,
 * and does so soon.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc, { type Arbitrary } from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { readConfig as readLogin } from '../../plugins/genesys-login/config.js';
import { Schema as LoginSchema } from '../../plugins/genesys-login/schema.js';
import { readConfig as readPiiLog } from '../../plugins/genesys-pii-log/config.js';
import { Schema as PiiLogSchema } from '../../plugins/genesys-pii-log/schema.js';
import { readConfig as readQuota } from '../../plugins/genesys-quota/config.js';
import { Schema as QuotaSchema } from '../../plugins/genesys-quota/schema.js';
import { readConfig as readFilter } from '../../plugins/genesys-response-filter/config.js';
import { Schema as FilterSchema } from '../../plugins/genesys-response-filter/schema.js';
import { readConfig as readTokenManager } from '../../plugins/genesys-token-manager/config.js';
import { Schema as TokenManagerSchema } from '../../plugins/genesys-token-manager/schema.js';
import { readConfig as readUserToken } from '../../plugins/genesys-user-token/config.js';
import { Schema as UserTokenSchema } from '../../plugins/genesys-user-token/schema.js';
import type { Host } from '../../plugins/shared/host.js';
import type { Field, Fields } from '../../plugins/shared/kong-schema/field.js';
import { allowedMs } from '../support/allowed-time.js';

const RUNS = process.env.LONG ? 3000 : 500;
const RUNS_TIMEOUT_MS = 300_000;
/** Stands in every value of a field that may hold a secret. */
const SECRET = 'pl4nted-s3cret';
/** A line for an operator, not a dump of what was sent. */
const MAX_MESSAGE = 2000;
const MAX_MS = 1000;

const folder = mkdtempSync(join(tmpdir(), 'config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const host: Host = { secretsDirs: [join(folder, 'secrets')], logDirs: [join(folder, 'logs')], stdoutPath: '/dev/null' };
const privateKey = (modulusLength: number): string =>
  generateKeyPairSync('rsa', {
    modulusLength,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey;
const KEYS = [privateKey(2048), privateKey(1024), `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----`];
for (const name of ['secrets', 'logs', 'secrets/folder']) mkdirSync(join(folder, name));
writeFileSync(join(folder, 'secrets/good'), SECRET);
writeFileSync(join(folder, 'secrets/key.pem'), KEYS[0] ?? '');
writeFileSync(join(folder, 'secrets/large'), SECRET.repeat(10_000));
writeFileSync(join(folder, 'secrets/binary'), Buffer.from([0xff, 0xfe, 0]));
symlinkSync('/etc/hostname', join(folder, 'secrets/outside'));

interface Subject {
  name: string;
  schema: Fields;
  read: (raw: unknown) => unknown;
}
const SUBJECTS: Subject[] = [
  { name: 'genesys-token-manager', schema: TokenManagerSchema, read: (raw) => readTokenManager(raw, host) },
  { name: 'genesys-quota', schema: QuotaSchema, read: (raw) => readQuota(raw, host) },
  { name: 'genesys-response-filter', schema: FilterSchema, read: readFilter },
  { name: 'genesys-pii-log', schema: PiiLogSchema, read: (raw) => readPiiLog(raw, host) },
  { name: 'genesys-login', schema: LoginSchema, read: (raw) => readLogin(raw, host) },
  { name: 'genesys-user-token', schema: UserTokenSchema, read: (raw) => readUserToken(raw, host) },
];

const FILES = ['good', 'key.pem', 'large', 'binary', 'outside', 'folder', 'none', '../logs', 'a\0b'];
/** Texts that mean something, or nearly, to some field. */
const TEXTS: Record<string, readonly string[]> = {
  regex: [
    '\\d{3}-\\d{4}',
    '(a+)+$',
    '(a|a)*b',
    '(?<n>x)\\k<n>',
    '[',
    '(?=.*x)y',
    'a{1,99999}',
    '(?:',
    '\\u{110000}',
    '',
    '.*.*.*x',
  ],
  paths: [
    '/api/v2/users',
    '/api/*',
    '/{id}/x',
    '/a//b',
    '/*/b',
    '/{',
    '/?x',
    'entities[*].name',
    '$..a',
    '$..a..b',
    '$[?(1)]',
    '**.a',
  ],
  keep: [
    'id',
    '$',
    '$..name',
    'a[*].b',
    "a['b']",
    '["',
    '__proto__',
    'constructor.prototype',
    '$[?(@.a)]',
    'entities[*].id',
  ],
  template: ['{"a":"{{ id }}"}', '"{{ $..a }}"', '{"a":', '"{{"', '{"__proto__":"{{ a }}"}', `${'['.repeat(20_000)}`],
  token_url: [
    'https://login.example/oauth/token',
    'http://127.0.0.1:1/t',
    'http://login.example',
    'https://a:b@c/',
    'x',
  ],
  api_url: ['https://api.example', 'http://127.0.0.1:1', 'http://api.example', 'https://api.example/v2', 'x'],
  organizations: ['6a8e5c0e-1c5f-4f0a-9d57-3f1f0c1b6a01', '6A8E5C0E-1C5F-4F0A-9D57-3F1F0C1B6A01', 'acme'],
  proxy_url: [
    `http://u:${SECRET}@proxy:3128`,
    `http://u:${SECRET}@proxy:99999`,
    `ftp://${SECRET}`,
    `http://p/${SECRET}`,
    `http://p#${SECRET}`,
  ],
  url: ['https://logs.example/x', `https://u:${SECRET}@logs.example/`, 'http://logs.example', 'http://[::1]:1/'],
  path: FILES.map((name) => join(folder, 'logs', name)),
  ca_file: ['/etc/ssl/certs/ca-certificates.crt', '/dev/zero', '/etc/passwd', 'relative', '/a\0b'],
  signing_key: KEYS,
  by_name: ['X-Tenant', 'queueId', 'a b:c', 'half\ud800'],
  rate: ['10ps', '300pm', '0ps', '99999999999999999999ps', 'ps', '1e3ps'],
  cache_encryption_key: [Buffer.alloc(32, 7).toString('base64'), `${SECRET}=`],
};
const ALIASES: Record<string, string> = {
  remove: 'keep',
  from: 'keep',
  collection: 'keep',
  spill_path: 'path',
};
const PLAIN_TEXT = fc.stringMatching(/^[A-Za-z0-9]{1,12}$/);
const WEIRD_TEXT = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'a\nb: injected', '\0', '\ud800', '%s%n', '{{', ' '),
  fc.constantFrom('x'.repeat(100_000), `/${'a/'.repeat(50_000)}`, '('.repeat(5000), '['.repeat(5000)),
);
const FILE_REFERENCE = fc.constantFrom(
  ...FILES.map((name) => `file:${join(folder, 'secrets', name)}`),
  'file:',
  'file:relative',
  '{vault://env/none}',
);

/** Values of a field: mostly of its type, within its bounds and at them. */
function valuesOf(name: string, field: Field): Arbitrary<unknown> {
  switch (field.type) {
    case 'string':
      return textOf(name, field);
    case 'integer':
    case 'number': {
      const [from, to] = field.between ?? [0, 1000];
      return fc.oneof(fc.integer({ min: Math.ceil(from), max: Math.floor(to) }), fc.constantFrom(from, to));
    }
    case 'boolean':
      return fc.boolean();
    case 'array':
    case 'set': {
      const minLength = field.len_min ?? 0;
      const elements = valuesOf(name, field.elements ?? { type: 'string' });
      return fc.array(elements, { minLength, maxLength: Math.max(minLength, 4) });
    }
    case 'map': {
      const keys = fc.oneof(PLAIN_TEXT, WEIRD_TEXT);
      return fc.dictionary(keys, valuesOf(name, field.values ?? { type: 'string' }), { maxKeys: 3 });
    }
    case 'record':
      return recordOf(field.fields ?? []);
  }
}

function textOf(name: string, field: Field): Arbitrary<string> {
  if (field.one_of) return fc.constantFrom(...field.one_of.map(String));
  const prefix = field.starts_with ?? '';
  const known = TEXTS[ALIASES[name] ?? name];
  const plain = PLAIN_TEXT.map((text) => prefix + text);
  const texts = [...(known ? [{ weight: 5, arbitrary: fc.constantFrom(...known) }] : [])];
  if (field.referenceable) {
    const secret = plain.map((text) => `${SECRET}${text}`);
    return fc.oneof(...texts, { weight: 4, arbitrary: secret }, { weight: 1, arbitrary: FILE_REFERENCE });
  }
  return fc.oneof(...texts, { weight: 8, arbitrary: plain }, { weight: 1, arbitrary: WEIRD_TEXT });
}

function recordOf(fields: Fields): Arbitrary<Record<string, unknown>> {
  const entries = fields.flatMap((entry) => Object.entries(entry));
  const [required, optional] = [true, false].map((isRequired) =>
    entries.flatMap(([name, field]) => ((field.required === true) === isRequired ? [name] : [])),
  ) as [string[], string[]];
  const model = new Map(entries.map(([name, field]) => [name, valuesOf(name, field)]));
  // Few of what may be missing: fields that cannot stand together would else always meet.
  return fc.subarray(optional, { maxLength: Math.min(5, optional.length) }).chain((names) => {
    const taken = [...required, ...names].map((name) => [name, model.get(name)] as const);
    return fc.record(Object.fromEntries(taken) as Record<string, Arbitrary<unknown>>);
  });
}

/** What takes the place of a value, as JSON: only so can __proto__ be a key of its own. */
const SPOILT = fc
  .oneof(
    fc.constantFrom('null', '{}', '[]', '""', '0', '-1', '1e308', '9007199254740993', '0.1', 'true', '[null]', '[[]]'),
    fc.constantFrom(
      '{"__proto__":{"polluted":true}}',
      '{"constructor":{"prototype":{"polluted":true}}}',
      '{"length":3}',
      '{"toString":1,"valueOf":1}',
      `${'['.repeat(3000)}${']'.repeat(3000)}`,
      `${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`,
    ),
    WEIRD_TEXT.map((text) => JSON.stringify(text)),
    fc.constant(JSON.stringify(Array(5000).fill('x'))),
    fc.json(),
  )
  .map((text) => ({ text }));

type Place = { parent: Record<string, unknown> | unknown[]; key: string | number };

/** As deep as a schema goes; what an earlier edit has put in may be deeper. */
function placesIn(value: unknown, depth = 8): Place[] {
  if (typeof value !== 'object' || value === null || depth === 0) return [];
  const parent = value as Record<string, unknown>;
  return Object.keys(parent).flatMap((key) => [{ parent, key }, ...placesIn(parent[key], depth - 1)]);
}

/** A configuration with some of its values replaced, left out or added. */
function spoil(config: Record<string, unknown>, edits: readonly [number, { text: string }, string][]): unknown {
  const copy = structuredClone(config);
  for (const [at, { text }, how] of edits) {
    const places = placesIn(copy);
    const place = places[at % Math.max(1, places.length)];
    if (place === undefined) return JSON.parse(text);
    const parent = place.parent as Record<string, unknown>;
    // Nothing that was JSON has holes.
    if (how === 'missing' && Array.isArray(parent)) parent.splice(Number(place.key), 1);
    else if (how === 'missing') delete parent[place.key];
    else if (how === 'extra') parent[`extra${at}`] = JSON.parse(text);
    else parent[place.key] = JSON.parse(text);
  }
  return copy;
}

/** @returns whether it was accepted */
function readsWell({ read }: Subject, raw: unknown): boolean {
  const began = performance.now();
  let failure: unknown;
  try {
    read(raw);
  } catch (error) {
    failure = error;
  }
  expect(performance.now() - began).toBeLessThan(allowedMs(MAX_MS));
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  if (failure === undefined) return true;
  expect(failure).toBeInstanceOf(Error);
  const { message, name } = failure as Error;
  expect(name, message).toBe('Error');
  expect(message).toMatch(/^config(?:\.\S| must be an object$)/u);
  expect(message).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
  expect(message).not.toMatch(
    /undefined|is not a function|not iterable|Maximum call stack|Invalid array length|convert/,
  );
  expect(message).not.toContain(SECRET);
  expect(message.length).toBeLessThan(MAX_MESSAGE);
  return false;
}

/** Other values with each run only where somebody looks for new ones. */
const SEED = process.env.LONG === '1' ? {} : { seed: 20261121 };

describe.each(SUBJECTS)('the configuration of $name', (subject) => {
  it('valid by its schema is taken, or refused in one line', { timeout: RUNS_TIMEOUT_MS }, () => {
    let accepted = 0;
    fc.assert(
      fc.property(recordOf(subject.schema), (config) => {
        if (readsWell(subject, config)) accepted += 1;
      }),
      { numRuns: RUNS, ...SEED },
    );
    // Else none of this would have come as far as what lies behind the first check.
    expect(accepted).toBeGreaterThan(0);
  });

  it('spoilt is taken, or refused in one line', { timeout: RUNS_TIMEOUT_MS }, () => {
    const edit = fc.tuple(fc.nat(), SPOILT, fc.constantFrom('replace', 'replace', 'missing', 'extra'));
    let refused = 0;
    fc.assert(
      fc.property(recordOf(subject.schema), fc.array(edit, { minLength: 1, maxLength: 4 }), (config, edits) => {
        if (!readsWell(subject, spoil(config, edits))) refused += 1;
      }),
      { numRuns: RUNS, ...SEED },
    );
    expect(refused).toBeGreaterThan(RUNS / 100);
  });

  it.each([undefined, null, 0, '', 'text', [], [{}], true, Number.NaN, new Map()])('that is %j is refused', (raw) => {
    readsWell(subject, raw);
  });
});
