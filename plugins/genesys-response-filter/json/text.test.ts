/** The reader of JSON text says the same of a text as JSON.parse does, and never reads past its end. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../kong/testbed/genesys-cloud/data/random.js';
import { randomJson } from '../../../test/support/random-json.js';
import { jsonText, MAX_DEPTH, skipSpace, skipValue } from './text.js';

/** Whether the text is one JSON value. */
function accepts(text: string | Buffer): boolean {
  const bytes = Buffer.from(text as string);
  try {
    return skipSpace(bytes, skipValue(jsonText(bytes), skipSpace(bytes, 0), 0)) === bytes.length;
  } catch (error) {
    expect((error as Error).message).toMatch(/^(not JSON at byte \d+|nested deeper than 512 levels)$/);
    return false;
  }
}

const VALID = [
  ...['0', '-0', '10', '1.5', '-1.25e+10', '1E-2', '12345678901234567890123', '1e400', 'true', 'false', 'null', '""'],
  ...['"a"', '"\\u00e4\\n\\"\\\\\\/\\b\\f\\r\\t"', '"\\ud800"', '"ä🎉"', '"\x7f"', '[]', '{}', '[ ]', '{ }', '[1,2]'],
  ...[' \t\r\n[ 1 , { "a" : [ ] } ] ', '{"a":1,"a":2}', '{"":0}', '[[[[]]],{}]', '{"a":{"b":[{"c":null}]}}'],
];
const INVALID = [
  ...['', ' ', '00', '01', '-', '+1', '1.', '.5', '1e', '1e+', '0x1', 'NaN', 'Infinity', '-a', 'tru', 'nul', 'truee'],
  ...['"', '"a', '"\\', '"\\"', '"\\x"', '"\\u12"', '"\\u12g4"', '"\n"', '"\0"', "'a'", '[', ']', '[1', '[1,', '[1,]'],
  ...['[,1]', '[1 2]', '[1}', '{', '}', '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{,}', '{a:1}', '{"a" 1}'],
  ...[
    '{"a":1]',
    '{1:1}',
    '{"a":1 "b":2}',
    '1 2',
    '[] []',
    '{}x',
    '// c\n1',
    '\ufeff1',
    '\u00a01',
    '[1,,2]',
    '{"a"::1}',
  ],
];

describe('a text', () => {
  it.each(VALID)('%j is JSON', (text) => {
    expect(() => JSON.parse(text)).not.toThrow();
    expect(accepts(text)).toBe(true);
  });

  it.each(INVALID)('%j is none', (text) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(accepts(text)).toBe(false);
  });

  it('is JSON exactly if JSON.parse says so, whatever was done to it', () => {
    const random = createRandom('json-text');
    const alphabet = '{}[]":,\\ \n\t\0abeEu0123456789+-.tfn/';
    for (let round = 0; round < 20_000; round += 1) {
      let text = randomJson(random).text;
      for (let edits = random.int(0, 3); edits > 0; edits -= 1) {
        const at = random.int(0, text.length);
        const inserted = random.int(0, 1) === 0 ? '' : (alphabet[random.int(0, alphabet.length - 1)] ?? '');
        text = text.slice(0, at) + inserted + text.slice(at + random.int(0, 2));
      }
      expect(accepts(text), text).toBe(isJson(text));
    }
  });

  it('may nest up to the bound, skipped or not', () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const nested = (levels: number): string => `${open.repeat(levels)}1${close.repeat(levels)}`;
      expect(accepts(nested(MAX_DEPTH))).toBe(true);
      expect(accepts(nested(MAX_DEPTH + 1))).toBe(false);
      expect(accepts(open.repeat(1_000_000))).toBe(false);
    }
  });

  it('ends where its buffer does, though more lies behind it in memory', () => {
    const memory = Buffer.from('{"a":"bcd"}');
    for (let length = 0; length < memory.length; length += 1) {
      expect(() => skipValue(jsonText(memory.subarray(0, length)), 0, 0)).toThrow('not JSON at byte');
    }
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
