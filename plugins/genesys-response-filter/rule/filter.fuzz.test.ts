/**
 * Broken bodies and encodings by the ten thousand: each ends in a verdict, quickly, and nothing leaves that JSON.parse and
 * a few lines of plain code would not have let out too.
 */

import * as zlib from 'node:zlib';
import { expect, it } from 'vitest';
import { createRandom, type Random } from '../../../kong/testbed/genesys-cloud/data/random.js';
import { allowedMs } from '../../../test/support/allowed-time.js';
import { filterConfig, judge } from '../../../test/support/filter-exchange.js';
import { decodeContent } from '../content.js';

const MUTATIONS = 100_000;

const BODIES = [
  '{"entities":[{"id":"1","name":"n","email":"secret-a","division":{"id":"d","name":"secret-b"}},{"id":2,"x":["secret-c"]}],"pageSize":25,"total":2,"note":"secret-d"}',
  '{"id":"1","email":"secret-a","division":{"id":"d","name":"secret-b"},"list":[1,[2,{"y":"secret-c"}]]}',
  '[{"id":1,"email":"secret-a"},{"id":[1,2.50,-3e5],"z":null},"secret-b"]',
  ' { "id" : "\\u00e4\\ud83c\\udf89" , "na\\u006de" : "secret-a" , "t" : [ true , false , null ] } ',
  '{"id":12345678901234567890,"ü":"ä🎉 secret-a","entities":{"id":"secret-b"}}',
];

const BYTES = Buffer.from('{}[]",:\\u0e-. \0\x1f\x80\xff1tfn', 'latin1');

function mutate(random: Random, body: Buffer): Buffer {
  const bytes = Buffer.from(body);
  const at = random.int(0, Math.max(0, bytes.length - 1));
  const until = Math.min(bytes.length, at + random.int(0, 20));
  switch (random.int(0, 6)) {
    case 0:
      return bytes;
    case 1:
      bytes[at] = BYTES[random.int(0, BYTES.length - 1)] ?? 0;
      return bytes;
    case 2:
      bytes[at] = random.int(0, 255);
      return bytes;
    case 3:
      return bytes.subarray(0, at);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(until)]);
    case 5:
      return Buffer.concat([bytes.subarray(0, until), bytes.subarray(at)]);
    default:
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.of(BYTES[random.int(0, BYTES.length - 1)] ?? 0),
        bytes.subarray(at),
      ]);
  }
}

const ENCODERS = [zlib.gzipSync, zlib.deflateSync, zlib.deflateRawSync, zlib.brotliCompressSync] as const;
const CODINGS = ['gzip', 'deflate', 'br', 'zstd', 'identity', 'gzip, gzip', '', 'x'] as const;
const TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'application/json; charset=utf-16le',
  '',
] as const;

/** Encoders of fast settings: 100,000 bodies are to be encoded. */
function encode(random: Random, body: Buffer): { bytes: Buffer; coding: string | undefined } {
  if (random.int(0, 9) > 0) return { bytes: body, coding: random.int(0, 30) === 0 ? random.pick(CODINGS) : undefined };
  const which = random.int(0, 3);
  const encoder = ENCODERS[which] ?? zlib.gzipSync;
  const encoded = encoder === zlib.brotliCompressSync ? zlib.brotliCompressSync(body, FAST) : encoder(body);
  const coding = random.int(0, 9) === 0 ? random.pick(CODINGS) : ['gzip', 'deflate', 'deflate', 'br'][which];
  return { bytes: random.int(0, 2) === 0 ? mutate(random, encoded) : encoded, coding };
}

const FAST = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } };

/** `keep: [id, division.id]`, on objects. */
function plainFilter(value: unknown): unknown {
  const element = (item: unknown): Record<string, unknown>[] => {
    if (!isObject(item)) return [];
    const division = item.division;
    return [
      {
        ...(Object.hasOwn(item, 'id') ? { id: item.id } : {}),
        ...(isObject(division) ? { division: Object.hasOwn(division, 'id') ? { id: division.id } : {} } : {}),
      },
    ];
  };
  if (Array.isArray(value)) return value.flatMap(element);
  if (!isObject(value)) return null;
  const paging = Object.fromEntries(
    ['pageSize', 'total']
      .filter((key) => Object.hasOwn(value, key) && !isContainer(value[key]))
      .map((key) => [key, value[key]]),
  );
  if (Array.isArray(value.entities)) return { entities: value.entities.flatMap(element), ...paging };
  const kept = element(value)[0] ?? {};
  if (Object.keys(paging).length === 0) return kept;
  // A page without its collection.
  if (value.entities === null) return { entities: [], ...paging };
  return Object.keys(kept).length === 0 ? paging : kept;
}

const isContainer = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isObject = (value: unknown): value is Record<string, unknown> => isContainer(value) && !Array.isArray(value);

it(`${MUTATIONS} broken bodies: none hangs, none leaks`, async () => {
  const random = createRandom('fuzz');
  const config = filterConfig({ rules: [{ keep: ['id', 'division.id'] }], max_body_bytes: 4096 });
  const originals = BODIES.map((body) => Buffer.from(body));
  const seen = { pass: 0, replace: 0, block: 0 };
  let slowestMs = 0;
  for (let round = 0; round < MUTATIONS; round += 1) {
    let body: Buffer = originals[round % originals.length] ?? Buffer.alloc(0);
    for (let mutations = random.int(0, 3); mutations > 0; mutations -= 1) body = mutate(random, body);
    const { bytes, coding } = encode(random, body);
    const type = random.int(0, 20) === 0 ? random.pick(TYPES) : 'application/json';
    const headers = { 'content-type': [type], ...(coding === undefined ? {} : { 'content-encoding': [coding] }) };

    const began = performance.now();
    const verdict = await judge({ method: 'GET', uri: '', status: 200, headers, body: bytes }, config);
    slowestMs = Math.max(slowestMs, performance.now() - began);

    seen[verdict.kind] += 1;
    if (verdict.kind === 'block') expect(verdict.reason).not.toContain('secret');
    // What passes is either nothing, or only what is listed.
    const left = verdict.kind === 'replace' ? verdict.body : verdict.kind === 'pass' ? bytes : undefined;
    if (left === undefined || left.length === 0) continue;
    const isPlain = coding === undefined || coding === '' || coding === 'identity';
    if (verdict.kind === 'pass' && !isPlain) {
      expect(await decodeContent(bytes, headers, 4096)).toHaveLength(0);
      continue;
    }
    const output: unknown = JSON.parse(left.toString());
    // Of an encoding that was broken on its way and can be undone nevertheless, the plain body is not known here.
    if (!isPlain || type.includes('utf-16')) {
      expect(plainFilter(output)).toEqual(output);
      continue;
    }
    const input: unknown = JSON.parse(bytes.toString().replace(/^\ufeff/, ''));
    if (!hasKeysTwice(bytes.toString(), input)) expect(output).toEqual(plainFilter(input));
    expect(plainFilter(output)).toEqual(output);
  }
  expect(slowestMs).toBeLessThan(allowedMs(1000));
  expect(Math.min(seen.pass, seen.replace, seen.block)).toBeGreaterThan(100);
}, 120_000);

/** Whether JSON.parse dropped a member. */
function hasKeysTwice(text: string, value: unknown): boolean {
  const written = text.match(/"(?:[^"\\]|\\.)*"\s*:/gs)?.length ?? 0;
  const count = (item: unknown): number =>
    isContainer(item)
      ? Object.values(item as object).reduce((sum: number, child) => sum + count(child), 0) +
        (Array.isArray(item) ? 0 : Object.keys(item as object).length)
      : 0;
  return written !== count(value);
}
