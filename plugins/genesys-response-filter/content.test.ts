/** Types, encodings and charsets of bodies, and that decompression is bounded. */

import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { unless } from '../../kong/testbed/unless.js';
import { allowedMs } from '../../test/support/allowed-time.js';
import { decodeContent, isJsonType, utf8ContentType } from './content.js';
import { BodyFault } from './json/body-fault.js';

const KNOWS_ZSTD = 'zstdCompressSync' in zlib;
const TEXT = '{"name":"ä€","x":1}';
const MAX = 1_000_000;
const typed = (type: string) => ({ 'content-type': [type] });
const encoded = (...codings: string[]) => ({ 'content-encoding': codings });

describe('a type', () => {
  it.each([
    ['application/json', true],
    ['Application/JSON; charset=utf-8', true],
    ['application/problem+json', true],
    ['text/json', true],
    ['application/x-ndjson', true],
    ['', true],
    ['; charset=utf-8', true],
    ['text/html', false],
    ['application/octet-stream', false],
    ['text/plain; note=json', false],
    ['multipart/byteranges', false],
  ])('%j counts as JSON: %s', (type, expected) => {
    expect(isJsonType(typed(type))).toBe(expected);
  });

  it('that is missing counts as JSON', () => {
    expect(isJsonType({})).toBe(true);
  });

  it.each([
    ['application/json', undefined],
    ['application/json;charset=UTF-8', undefined],
    ['application/a+json; charset=ISO-8859-1', 'application/a+json; charset=utf-8'],
    ['', 'application/json; charset=utf-8'],
    ['; charset=utf-16', 'application/json; charset=utf-8'],
  ])('%j becomes %j', (type, expected) => {
    expect(utf8ContentType(typed(type))).toBe(expected);
  });
});

describe('an encoding', () => {
  const body = Buffer.from(TEXT);

  it.each<[string, Buffer, Record<string, string[]>]>([
    ['none', body, {}],
    ['identity', body, encoded('identity')],
    ['gzip', zlib.gzipSync(body), encoded('gzip')],
    ['x-gzip, in capitals', zlib.gzipSync(body), encoded('X-GZIP')],
    ['deflate', zlib.deflateSync(body), encoded('deflate')],
    ['deflate without its frame', zlib.deflateRawSync(body), encoded('deflate')],
    ['br', zlib.brotliCompressSync(body), encoded('br')],
    ['gzip, twice', zlib.gzipSync(zlib.gzipSync(body)), encoded('gzip, gzip')],
    ['br and gzip, in two headers', zlib.gzipSync(zlib.brotliCompressSync(body)), encoded('br', 'gzip')],
    ['br beside identity', zlib.brotliCompressSync(body), encoded('identity, br')],
  ])('%s is undone', async (_, bytes, headers) => {
    expect(String(await decodeContent(bytes, headers, MAX))).toBe(TEXT);
  });

  it('zstd is undone', unless(KNOWS_ZSTD ? undefined : 'this Node has no zstd'), async () => {
    const { zstdCompressSync } = zlib as unknown as { zstdCompressSync: (bytes: Buffer) => Buffer };
    expect(String(await decodeContent(zstdCompressSync(body), encoded('zstd'), MAX))).toBe(TEXT);
  });

  it('zstd is refused where Node does not know it', unless(KNOWS_ZSTD ? 'this Node has zstd' : undefined), async () => {
    await expect(decodeContent(body, encoded('zstd'), MAX)).rejects.toThrow('in an encoding that cannot be undone');
  });

  it('of a large body is undone beside other work', async () => {
    const large = Buffer.from(JSON.stringify(Array.from({ length: 20_000 }, (_, i) => Math.sin(i))));
    const compressed = zlib.gzipSync(large);
    expect(compressed.length).toBeGreaterThan(16_384);
    expect((await decodeContent(compressed, encoded('gzip'), MAX)).equals(large)).toBe(true);
    await expect(decodeContent(compressed, encoded('gzip'), 200_000)).rejects.toThrow('of more than 200000 bytes');
  });

  it.each<[string, Buffer, Record<string, string[]>, string]>([
    ['of a name that nobody knows', body, encoded('compress'), 'in an encoding that cannot be undone'],
    ['four times', body, encoded('gzip, gzip', 'br, br'), 'encoded too often'],
    ['twice, that it is not', body, encoded('gzip', 'br'), 'not decompressed'],
    ['that it is not', body, encoded('gzip'), 'not decompressed (Z_DATA_ERROR)'],
    ['that breaks off', zlib.gzipSync(body).subarray(0, 20), encoded('gzip'), 'not decompressed (Z_BUF_ERROR)'],
    ['that is broken', zlib.brotliCompressSync(body).fill(0xff, 3), encoded('br'), 'not decompressed'],
    ['that breaks off at once', Buffer.of(1), encoded('deflate'), 'not decompressed'],
  ])('%s is refused', async (_, bytes, headers, message) => {
    const failure = await decodeContent(bytes, headers, MAX).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(BodyFault);
    expect((failure as Error).message).toContain(message);
  });

  it.each([
    ['gzip', zlib.gzipSync(Buffer.alloc(100_000_000))],
    ['deflate', zlib.deflateSync(Buffer.alloc(50_000_000))],
    [
      'br',
      zlib.brotliCompressSync(Buffer.alloc(100_000_000), { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } }),
    ],
  ])('%s that expands without end is refused at the bound', async (coding, bomb) => {
    const began = performance.now();
    await expect(decodeContent(bomb, encoded(coding), MAX)).rejects.toThrow('of more than 1000000 bytes');
    expect(performance.now() - began).toBeLessThan(allowedMs(1000));
  });
});

describe('a charset', () => {
  it.each<[string, Buffer]>([
    ['application/json; charset=utf-8', Buffer.from(TEXT)],
    ['application/json; charset="UTF-8"', Buffer.from(TEXT)],
    ['application/json; charset=us-ascii', Buffer.from(TEXT)],
    ['application/json; charset=utf-16le', Buffer.from(TEXT, 'utf16le')],
    ['application/json; charset=utf-8', Buffer.from(`\ufeff${TEXT}`)],
    ['application/json; charset=utf-16le', Buffer.from(`\ufeff${TEXT}`, 'utf16le')],
  ])('%s is read', async (type, bytes) => {
    expect(String(await decodeContent(bytes, typed(type), MAX))).toBe(TEXT);
  });

  it('of one byte is read', async () => {
    const bytes = Buffer.from('{"a":"äß"}', 'latin1');
    expect(String(await decodeContent(bytes, typed('application/json; charset=ISO-8859-1'), MAX))).toBe('{"a":"äß"}');
  });

  it.each([
    ['application/json; charset=none-such', 'in a charset that cannot be read'],
    ['application/json; charset=utf-8; charset=utf-16le', 'in more than one charset'],
    ['application/json; charset=utf-16le', 'in a charset that cannot be read'],
  ])('%s is refused', async (type, message) => {
    await expect(decodeContent(Buffer.from('{"a":1}'), typed(type), MAX)).rejects.toThrow(message);
  });

  it('may not make a body longer than the bound', async () => {
    const bytes = Buffer.alloc(600_000, 0xe4);
    await expect(decodeContent(bytes, typed('a/json; charset=latin1'), MAX)).rejects.toThrow(
      'of more than 1000000 bytes',
    );
  });
});
