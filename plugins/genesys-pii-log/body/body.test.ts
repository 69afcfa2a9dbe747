/** Bodies of every kind: what is logged of them, and that it is masked before it is cut. */
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { allowedMs } from '../../../test/support/allowed-time.js';
import { DEFAULT_FIELDS } from '../defaults.js';
import type { Tally } from '../mask/tally.js';
import { testMasking } from '../testing/config.js';
import { type CapturedBody, type LoggedBody, logBody } from './body.js';

interface Given extends Partial<CapturedBody> {
  max?: number;
  config?: Record<string, unknown>;
}

async function log(content: string | Buffer, given: Given = {}): Promise<LoggedBody & { tally: Tally }> {
  const { max = 16384, config, ...about } = given;
  const masking = testMasking({ values: 'detect', fields: DEFAULT_FIELDS, ...config });
  const bytes = Buffer.from(content as string);
  const body = { bytes, size: bytes.length, contentType: 'application/json', contentEncoding: undefined, ...about };
  return { ...(await logBody(body, masking, max)), tally: masking.tally };
}

const R = '***REDACTED***';

describe('JSON', () => {
  it('keeps structure, names, order, numbers, and masks fields at any depth, whatever their spelling', async () => {
    const { content, tally, kind } = await log(
      '{ "id" : 1, "CustomerName":"Ann","x":{"customer_name":"Bob","customer-name":7,"list":[1.50,true,null,""]},"ani":null}',
    );
    expect(kind).toBe('json');
    expect(content).toBe(
      `{"id":1,"CustomerName":"${R}","x":{"customer_name":"${R}","customer-name":"${R}","list":[1.50,true,null,""]},"ani":null}`,
    );
    expect(tally.toObject()).toEqual({ 'field:customer_name': 3 });
  });

  it('masks every leaf below a field that is a record, and keeps its names', async () => {
    const { content } = await log('{"attributes":{"note":"hello","n":[{"deep":true,"none":null}]},"total":3}');
    expect(content).toBe(`{"attributes":{"note":"${R}","n":[{"deep":"${R}","none":null}]},"total":3}`);
  });

  it('finds personal data in texts, keys and numbers', async () => {
    const { content, tally } = await log(
      '{"text":"call +1 212-555-0100 or mail a@b.de","a@b.de":1,"n":4111111111111111,"f":4.111111111111111e15,"p":12125550100,"at":1736672400000}',
    );
    expect(content).toBe(
      `{"text":"call ${R} or mail ${R}","${R}":1,"n":"${R}","f":"${R}","p":"${R}","at":1736672400000}`,
    );
    expect(tally.toObject()).toEqual({ 'detector:card': 2, 'detector:email': 2, 'detector:phone': 2 });
  });

  it('looks through escapes of JSON, percent and HTML, base64, and JSON within JSON', async () => {
    const { content } = await log(
      String.raw`{"a":"a\u0040b.de","b":"a%40b.de","c":"a&#64;b.de","d":"YW5uYUBleGFtcGxlLmNvbQ==","e":"{\"customerName\":\"Ann\",\"n\":1}","f":"a%2540b.de","g":"a＠b.de"}`,
    );
    expect(content).toBe(
      `{"a":"${R}","b":"${R}","c":"${R}","d":"${R}","e":"{\\"customerName\\":\\"${R}\\",\\"n\\":1}","f":"${R}","g":"${R}"}`,
    );
  });

  it.each([
    ['4111 1111 1111 1111', R],
    ['212-555-0100', R],
    ['{"t":"[1] 4111 1111 1111 1111"}', `{"t":"[1] ${R}"}`],
    ['{"t":"{} 212-555-0100"}', `{"t":"{} ${R}"}`],
  ])('takes no groups of digits for documents: %s', async (text, masked) => {
    expect((await log(text)).content).toBe(masked);
  });

  it.each([
    ['{"a":"Bearer hunterpass"}', `{"a":"Bearer ${R}"}`],
    ['{"a":"authorization.x-eyJhbGciOiJI.eyJzdWIiOiIx.abc"}', `{"a":"authorization.x-${R}"}`],
  ])('masks tokens: %s', async (text, masked) => {
    expect((await log(text)).content).toBe(masked);
  });

  it.each([
    '𝟒𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏',
    '④①①①①①①①①①①①①①①①',
    '⁴¹¹¹¹¹¹¹¹¹¹¹¹¹¹¹',
    '૪૧૧૧૧૧૧૧૧૧૧૧૧૧૧૧',
    '௪௧௧௧௧௧௧௧௧௧௧௧௧௧௧௧',
    '4111\u2066111111111111',
    '4\ufe0f\u20e3111111111111111',
    '4111\u034f111111111111',
    '4111\u20281111 1111 1111',
    '03ー1234ー5678',
    '212·555·0100',
  ])('masks digits of every kind: %s', async (digits) => {
    expect((await log(JSON.stringify({ a: `is ${digits}!` }))).content).toBe(`{"a":"is ${R}!"}`);
  });

  it.each([
    [String.raw`e {"a":"{\"password\":\"hun\\\"ter2\",\"x\":1}"}`, String.raw`e {"a":"{\"password\":${R},\"x\":1}"}`],
    [`{'password': 'hunter2', 'x': 1}`, `{'password': ${R}, 'x': 1}`],
    ['login.password=hunter2 user[password]=hunter2', `login.password=${R} user[password]=${R}`],
    ['see https://x/y?flag&session=hunter2 ok', `see https://x/y?flag&session=${R} ok`],
  ])('masks by name in a text: %s', async (text, masked) => {
    expect((await log(text, { contentType: 'text/plain' })).content).toBe(masked);
    expect((await log(JSON.stringify({ t: `- ${text}` }))).content).toBe(JSON.stringify({ t: `- ${masked}` }));
  });

  it('masks by the last name of a parameter', async () => {
    const { content } = await log('user[password]=hunter2&login.password=hunter2&x[y]=1', {
      contentType: 'application/x-www-form-urlencoded',
    });
    expect(content).not.toContain('hunter2');
    expect(content).toContain('x%5By%5D=1');
  });

  it('masks what begins like many tokens in linear time', async () => {
    const start = performance.now();
    await log('-eyJ'.repeat(130_000), { contentType: 'text/plain', max: 131_072 });
    expect(performance.now() - start).toBeLessThan(allowedMs(1000));
  });

  it.each([
    [
      'beneath keys that the library has a meaning for',
      '{"^":{"x":"Ann"},"~":{"x":"Bob"},"@a()":{"x":"Cid"}}',
      ['$..x'],
    ],
    ['at the root', '["Ann"]', ['$']],
  ])('masks what a JSONPath selects %s', async (_, text, paths) => {
    const { content } = await log(text, { config: { paths } });
    expect(content).toBe(text.replace(/"(?:Ann|Bob|Cid)"/g, `"${R}"`));
  });

  it.each([
    ['a key that stands twice, for a JSONPath', '{"a":{"x":"Ann"},"a":{}}', '$..x'],
    ['several documents, for a JSONPath', '{}\n{"x":"Ann"}', '$..x'],
    ['what is no JSON, for a JSONPath', '{"x":"Ann"}!', '$..x'],
    ['what is no JSON, for a path', '{"x":"Ann"}!', 'x'],
  ])('shows nothing of %s', async (_, text, path) => {
    const logged = await log(text, { config: { paths: [path] } });
    expect(logged).toMatchObject({ truncated: true, omitted: 'unreadable' });
    expect(JSON.stringify(logged)).not.toContain('Ann');
  });

  it('masks by name in a form, in XML and in broken JSON that stands in a string, as services echo them', async () => {
    const { content, tally } = await log(
      String.raw`{"a":"customer_name=Ann+B&password=hidden&state=open","b":"<note><lastName>Example</lastName></note>","c":"got {\"ani\": \"Ann\", ","d":"a = b < c"}`,
    );
    expect(content).toBe(
      `{"a":"customer_name=${R}&password=${R}&state=open","b":"<note><lastName>${R}</lastName></note>","c":"got {\\"ani\\": ${R}, ","d":"a = b < c"}`,
    );
    expect(tally.toObject()).toEqual({ credential: 1, 'field:ani': 1, 'field:customer_name': 1, 'field:last_name': 1 });
  });

  it('masks queries of URLs but for what is allowed', async () => {
    const { content } = await log(
      '{"nextUri":"/api/v2/users?pageSize=25&q=Ann&pageNumber=2","u":"https://u:p@x.example/cb#access_token=abc&state=1"}',
    );
    expect(content).toBe(
      `{"nextUri":"/api/v2/users?pageSize=25&q=${R}&pageNumber=2","u":"https://${R}/cb#access_token=${R}&state=1"}`,
    );
  });

  it('never shows credentials, whatever is configured', async () => {
    const config = { fields: [], detectors: [], mask: 'partial' };
    const { content } = await log(
      '{"access_token":"abcdefghijkl","x":{"clientSecret":"mnopqrstuvwx"},"t":"Bearer abcdefghijkl"}',
      { config },
    );
    expect(content).toBe(`{"access_token":"${R}","x":{"clientSecret":"${R}"},"t":"Bearer ${R}"}`);
  });

  it('follows dotted paths and JSONPaths', async () => {
    const text = '{"a":{"b":1},"list":[{"c":"x"},{"c":"y","d":{"e":"z"}}],"deep":{"er":{"a":{"b":2}}}}';
    const dotted = await log(text, { config: { fields: [], paths: ['a.b', 'list[1].c', '**.d.e'] } });
    expect(dotted.content).toBe(
      `{"a":{"b":"${R}"},"list":[{"c":"x"},{"c":"${R}","d":{"e":"${R}"}}],"deep":{"er":{"a":{"b":2}}}}`,
    );
    const json = await log(text, { config: { fields: [], paths: ['$..b', '$.list[*].c'] } });
    expect(json.content).toBe(
      `{"a":{"b":"${R}"},"list":[{"c":"${R}"},{"c":"${R}","d":{"e":"z"}}],"deep":{"er":{"a":{"b":"${R}"}}}}`,
    );
    expect(json.tally.toObject()).toEqual({ 'path:$..b': 2, 'path:$.list[*].c': 2 });
  });

  it('applies patterns, also to numbers and to what is encoded', async () => {
    const config = { patterns: [{ name: 'account', regex: 'AC-?(\\d{2})\\d{4}', replacement: 'AC-$1****' }] };
    const { content, tally } = await log('{"a":"from AC-123456 to AC654321","b":"AC%2D123456"}', { config });
    expect(content).toBe(`{"a":"from AC-12**** to AC-65****","b":"${R}"}`);
    expect(tally.toObject()).toEqual({ 'pattern:account': 3 });
  });

  it('leaves the values of deep documents out', async () => {
    const deep = `${'['.repeat(100)}"a@b.de"${']'.repeat(100)}`;
    const { content, tally } = await log(deep);
    expect(content).toBe(`${'['.repeat(64)}"***OMITTED***"${']'.repeat(64)}`);
    expect(tally.toObject()).toEqual({ depth: 1 });
  });

  it('reads several documents, one after the other', async () => {
    expect((await log('{"a":1}\n{"ani":"x"}\n')).content).toBe(`{"a":1}\n{"ani":"${R}"}`);
  });

  it('masks first and cuts then', async () => {
    const text = JSON.stringify({ a: 'x'.repeat(40), mail: 'anna.long.name@example.com', b: 2 });
    for (let max = 0; max <= text.length; max++) {
      const { content = '', truncated } = await log(text, { max });
      expect(Buffer.byteLength(content)).toBeLessThanOrEqual(max);
      expect(content).not.toContain('anna');
      const whole = JSON.stringify({ a: 'x'.repeat(40), mail: R, b: 2 }).replace('"mail"', '"mail"');
      expect(whole.startsWith(content)).toBe(true);
      expect(truncated).toBe(content !== whole);
    }
  });

  it('cuts a long text within a document the same way', async () => {
    const text = JSON.stringify({ t: `${'word '.repeat(30)}anna.long.name@example.com ${'word '.repeat(5000)}` });
    for (const max of [100, 155, 160, 170, 180, 1000]) {
      const { content = '', truncated } = await log(text, { max });
      expect(truncated).toBe(true);
      expect(content).not.toContain('anna');
    }
  });

  it.each([
    '{"customerName":"Ann Smith","b":',
    '{"a":1,,"customerName":"Ann Smith"}',
    '{\'customerName\':\'x\', "customerName": "Ann \\" Smith"}',
    '<x><customerName>Ann Smith</customerName></x>',
    'customerName=Smith; x=1',
    '[{"attributes":{"k":"Smith"',
  ])('that is broken is a text, with its fields masked all the same: %s', async (text) => {
    const { kind, content } = await log(text);
    expect(kind).toBe('text');
    expect(content).toContain(R);
    expect(content).not.toContain('Smith');
  });

  it('of which only the beginning is there is masked as far as it goes', async () => {
    const bytes = Buffer.from('{"id":1,"customerName":"Ann","next":"beginning of someth');
    const { kind, content, truncated } = await log(bytes, { size: 20_000 });
    expect({ kind, content, truncated }).toEqual({
      kind: 'json',
      content: `{"id":1,"customerName":"${R}","next":`,
      truncated: true,
    });
  });
});

describe('compressed', () => {
  const text = JSON.stringify({ id: 1, customerName: 'Ann' });
  const masked = `{"id":1,"customerName":"${R}"}`;
  it.each([
    ['gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['br, gzip', gzipSync(brotliCompressSync(text))],
    ['', gzipSync(text)],
    [
      '',
      brotliCompressSync(
        JSON.stringify({ id: 1, customerName: 'Ann', list: Array.from({ length: 500 }, (_, i) => i * 7919) }),
      ),
    ],
  ])('by %s', async (contentEncoding, bytes) => {
    const logged = await log(bytes, { contentEncoding });
    expect(logged.size).toBe(bytes.length);
    expect(logged.content?.slice(0, masked.length - 1)).toBe(masked.slice(0, -1));
  });

  it('costs no more than what is logged of it', async () => {
    const bomb = gzipSync(Buffer.from(`[${'"a",'.repeat(10_000_000)}"b"]`));
    const logged = await log(bomb, { contentEncoding: 'gzip' });
    expect(logged).toMatchObject({ kind: 'json', truncated: true, size: bomb.length });
  });

  it.each([
    ['zstd', Buffer.from('x')],
    ['gzip', Buffer.from('no gzip')],
    ['br, br, br, br', Buffer.from('x')],
  ])('that cannot be undone has no content: %s', async (contentEncoding, bytes) => {
    expect(await log(bytes, { contentEncoding })).toMatchObject({ omitted: 'encoding', size: bytes.length });
  });
});

describe('forms', () => {
  const contentType = 'application/x-www-form-urlencoded; charset=UTF-8';
  it('are masked by name and by value', async () => {
    const { kind, content } = await log(
      'grant_type=client_credentials&client_secret=s3cret&customer_name=Ann+Smith&note=call+%2B1+212+555+0100+now&j=%7B%22ani%22%3A%22Ann%22%7D&a%40b.de=1&empty=&flag',
      { contentType },
    );
    expect(kind).toBe('form');
    expect(content).toBe(
      `grant_type=client_credentials&client_secret=${R}&customer_name=${R}&note=call+${R}+now&j=%7B%22ani%22%3A%22${R}%22%7D&${R}=1&empty=&flag`,
    );
  });

  it('that are JSON are read as JSON', async () => {
    expect(await log('{"ani":"x"}', { contentType })).toMatchObject({ kind: 'json', content: `{"ani":"${R}"}` });
  });
});

it('lists the parts of a multipart body, and nothing of what is in them', async () => {
  const text =
    '--b\r\nContent-Disposition: form-data; name="a@b.de"\r\n\r\nAnn\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="Ann.pdf"\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n--b--\r\n';
  const logged = await log(text, { contentType: 'multipart/form-data; boundary=b' });
  expect(logged).toMatchObject({
    kind: 'multipart',
    parts: [
      { name: R, size: 3 },
      { name: 'file', contentType: 'application/pdf', file: true, size: 4 },
    ],
    truncated: false,
  });
  expect(JSON.stringify(logged)).not.toContain('Ann');
});

describe('others', () => {
  it.each(['image/png', 'application/pdf', 'application/octet-stream', 'audio/wav'])(
    '%s: size and type',
    async (contentType) => {
      const logged = await log('a@b.de', { contentType });
      expect(logged).toMatchObject({ kind: 'binary', size: 6, contentType });
      expect(logged.content).toBeUndefined();
    },
  );

  it('text passes the detectors', async () => {
    expect(await log('mail a@b.de', { contentType: 'text/plain' })).toMatchObject({
      kind: 'text',
      content: `mail ${R}`,
    });
  });

  it('without a type are read if they are text', async () => {
    expect(await log('{"ani":"x"}', { contentType: undefined })).toMatchObject({
      kind: 'json',
      content: `{"ani":"${R}"}`,
    });
    expect(await log('mail a@b.de', { contentType: undefined })).toMatchObject({ content: `mail ${R}` });
    expect(await log(Buffer.from([0, 1, 2]), { contentType: undefined })).toMatchObject({ kind: 'binary' });
  });

  it('in other character sets are decoded', async () => {
    const contentType = 'text/plain; charset=utf-16le';
    expect(await log(Buffer.from('mail a@b.de', 'utf16le'), { contentType })).toMatchObject({ content: `mail ${R}` });
    expect(await log('mail a@b.de', { contentType: 'text/plain; charset=utf-7' })).toMatchObject({
      omitted: 'charset',
    });
  });

  it('above the hard limit only the size is logged', async () => {
    expect(await log('', { size: 20_000_000 })).toMatchObject({ size: 20_000_000, omitted: 'too_large' });
  });
});

describe('with the defaults of detect', () => {
  const contentOf = async (text: string, contentType = 'application/json') => {
    const bytes = Buffer.from(text);
    const masking = testMasking({ values: 'detect' });
    return logBody({ bytes, size: bytes.length, contentType, contentEncoding: undefined }, masking, 16_384);
  };

  it.each([
    ['{"text":"Hi, I am Jane Roe, living at 12 Main Street"}', `{"text":"${R}"}`],
    [
      '{"transcripts":[{"phrases":[{"text":"I am Jane","n":1}]}]}',
      `{"transcripts":[{"phrases":[{"text":"${R}","n":1}]}]}`,
    ],
    [
      '{"note":"x","comments":"y","message":{"state":"ok"},"body":"z"}',
      `{"note":"${R}","comments":"${R}","message":{"state":"ok"},"body":"${R}"}`,
    ],
    ['{"phrases":["I am Jane",{"n":"x"}]}', `{"phrases":["${R}",{"n":"x"}]}`],
    ['{"a":"password: hunter2"}', `{"a":"password: ${R}"}`],
    ['{"a":"{password: \\"hunter2\\"}"}', `{"a":"{password: ${R}}"}`],
    ['{"a":"secret: one two\\nstate: open"}', `{"a":"secret: ${R}\\nstate: open"}`],
    ['{"a":"Authorization: Basic amFuZTpodW50ZXIy"}', `{"a":"Authorization: ${R}"}`],
    ['{"a":"send Basic amFuZTpodW50ZXIy please"}', `{"a":"send Basic ${R} please"}`],
    ['{"a":"Basic information is here"}', '{"a":"Basic information is here"}'],
    ['{"a":"see https://x/y: ok"}', '{"a":"see https://x/y: ok"}'],
    ['{"a":"customer: ok, customerName: Ann Smith; id: 3"}', `{"a":"customer: ok, customerName: ${R}; id: 3"}`],
    ['{"a":"-----BEGIN PRIVATE KEY-----\\nMIIB\\n-----END PRIVATE KEY----- x"}', `{"a":"${R} x"}`],
    ['{"a":"-----BEGIN RSA PRIVATE KEY-----\\nMIIB"}', `{"a":"${R}"}`],
    ['{"a":"key AKIAIOSFODNN7EXAMPLE or ghp_abcdefghijklmnopqrstuvwxyz0123456789"}', `{"a":"key ${R} or ${R}"}`],
    [
      '{"x":-77.034040723966,"latitude":-77.034040723966,"coordinates":[1.5]}',
      `{"x":-77.034040723966,"latitude":"${R}","coordinates":["${R}"]}`,
    ],
    ['{"x":4111111111111111.5}', `{"x":"${R}"}`],
  ])('%s', async (text, expected) => {
    expect((await contentOf(text)).content).toBe(expected);
  });

  it.each([
    ['text/csv', 'firstName,lastName\nZoe,Roe\n'],
    ['application/yaml', 'people:\n  - [Zoe, Roe]\n'],
  ])('%s is its size and type', async (contentType, text) => {
    expect(await contentOf(text, contentType)).toEqual({
      kind: 'text',
      size: text.length,
      contentType,
      truncated: false,
      omitted: 'free_text',
    });
  });
});
