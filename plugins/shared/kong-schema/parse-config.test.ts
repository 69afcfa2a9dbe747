/** The parser of plugin configurations: defaults, limits, nesting, Kong's ways with null and empty tables, errors. */
import { describe, expect, expectTypeOf, it } from 'vitest';
import { ConfigError } from './config-error.js';
import type { Fields } from './field.js';
import { type ConfigOf, parseConfig } from './parse-config.js';

const SCHEMA = [
  { name: { type: 'string', required: true, len_min: 2, len_max: 4 } },
  { mode: { type: 'string', default: 'fast', one_of: ['fast', 'slow'] } },
  { path: { type: 'string', starts_with: '/' } },
  { count: { type: 'integer', default: 3, between: [1, 9] } },
  { ratio: { type: 'number', gt: 0 } },
  { on: { type: 'boolean', default: false } },
  { methods: { type: 'set', elements: { type: 'string', one_of: ['GET', 'PUT'] }, len_min: 1 } },
  { ids: { type: 'array', default: [], elements: { type: 'integer' } } },
  { extra: { type: 'map', default: {}, keys: { type: 'string', len_min: 1 }, values: { type: 'string' } } },
  { maybe: { type: 'record', required: false, fields: [{ port: { type: 'integer', default: 1 } }] } },
  {
    inner: {
      type: 'record',
      fields: [{ port: { type: 'integer', default: 6379 } }, { host: { type: 'string' } }],
    },
  },
  {
    rules: {
      type: 'array',
      default: [],
      elements: { type: 'record', fields: [{ limit: { type: 'integer', required: true } }] },
    },
  },
] as const satisfies Fields;

const parse = (raw: unknown) => parseConfig(SCHEMA, raw);

describe('parseConfig', () => {
  it('fills in defaults and marks what is absent', () => {
    expect(parse({ name: 'abc' })).toEqual({
      name: 'abc',
      mode: 'fast',
      path: undefined,
      count: 3,
      ratio: undefined,
      on: false,
      methods: undefined,
      ids: [],
      extra: {},
      maybe: undefined,
      inner: { port: 6379, host: undefined },
      rules: [],
    });
  });

  it('keeps what is given', () => {
    const given = {
      name: 'abcd',
      mode: 'slow',
      path: '/x',
      count: 9,
      ratio: 0.5,
      on: true,
      methods: ['PUT'],
      ids: [1, 2],
      extra: { a: 'b' },
      maybe: { port: 2 },
      inner: { port: 1, host: 'h' },
      rules: [{ limit: 1 }],
    };
    expect(parse(given)).toEqual(given);
  });

  it("takes null as absent, Lua's empty tables as either kind, and ignores Kong's own keys", () => {
    const parsed = parse({
      name: 'abc',
      ratio: null,
      ids: {},
      extra: [],
      count: null,
      __seq__: 4,
      $refs: {},
      route_id: 'x',
    });
    expect(parsed).toMatchObject({ count: 3, ids: [], extra: {}, ratio: undefined });
    expect(Object.keys(parsed)).not.toContain('__seq__');
  });

  it('has the type that the schema says', () => {
    expectTypeOf<ConfigOf<typeof SCHEMA>>().toEqualTypeOf<{
      name: string;
      mode: 'fast' | 'slow';
      path: string | undefined;
      count: number;
      ratio: number | undefined;
      on: boolean;
      methods: ('GET' | 'PUT')[] | undefined;
      ids: number[];
      extra: Record<string, string>;
      maybe: { port: number } | undefined;
      inner: { port: number; host: string | undefined };
      rules: { limit: number }[];
    }>();
  });

  it.each([
    ['a list', [], 'config must be an object'],
    ['null', null, 'config must be an object'],
    ['text', 'x', 'config must be an object'],
    ['a missing field', {}, 'config.name is required'],
    ['null for a required field', { name: null }, 'config.name is required'],
    ['another type', { name: 7 }, 'config.name must be a string'],
    ['an empty text', { name: '' }, 'config.name must not be empty'],
    ['a short text', { name: 'a' }, 'config.name must have a length of at least 2'],
    ['a long text', { name: 'abcde' }, 'config.name must have a length of at most 4'],
    ['an unknown choice', { name: 'abc', mode: 'x' }, 'config.mode must be one of fast, slow'],
    ['another start', { name: 'abc', path: 'x' }, 'config.path must start with /'],
    ['a fraction', { name: 'abc', count: 1.5 }, 'config.count must be an integer'],
    ['a number too low', { name: 'abc', count: 0 }, 'config.count must be between 1 and 9'],
    ['a number too high', { name: 'abc', count: 10 }, 'config.count must be between 1 and 9'],
    ['a numeral', { name: 'abc', count: '3' }, 'config.count must be a number'],
    ['NaN', { name: 'abc', ratio: Number.NaN }, 'config.ratio must be a number'],
    ['a number at its open limit', { name: 'abc', ratio: 0 }, 'config.ratio must be greater than 0'],
    ['no boolean', { name: 'abc', on: 'yes' }, 'config.on must be a boolean'],
    ['no list', { name: 'abc', methods: 'GET' }, 'config.methods must be a list'],
    ['an empty list', { name: 'abc', methods: [] }, 'config.methods must not be empty'],
    ['a wrong element', { name: 'abc', methods: ['GET', 'POST'] }, 'config.methods[1] must be one of GET, PUT'],
    ['no map', { name: 'abc', extra: 'x' }, 'config.extra must be a map'],
    ['a wrong value in a map', { name: 'abc', extra: { a: 1 } }, 'config.extra.a must be a string'],
    ['an empty key in a map', { name: 'abc', extra: { '': 'x' } }, 'config.extra key must not be empty'],
    ['a key with line breaks', { name: 'abc', extra: { 'a\r\nb\u2028c': 1 } }, 'config.extra.a b c must be a string'],
    [
      'a key without end',
      { name: 'abc', extra: { ['k'.repeat(2000)]: 1 } },
      `config.extra.${'k'.repeat(1000 - 'config.extra.'.length)}`,
    ],
    ['no record', { name: 'abc', inner: [1] }, 'config.inner must be a record'],
    ['a wrong field of a record', { name: 'abc', inner: { port: 'x' } }, 'config.inner.port must be a number'],
    ['a missing field of an element', { name: 'abc', rules: [{ limit: 1 }, {}] }, 'config.rules[1].limit is required'],
  ])('refuses %s', (_, raw, message) => {
    expect(() => parse(raw)).toThrow(expect.objectContaining({ message }));
  });

  it('names the field of the first fault, and what is wrong with it', () => {
    const refused = () => parseConfig(SCHEMA, { name: 'abc', on: 1 }, [{ mutually_exclusive: ['name', 'mode'] }]);
    expect(refused).toThrow(ConfigError);
    expect(refused).toThrow(expect.objectContaining({ path: 'on', problem: 'must be a boolean' }));
  });

  it('checks fields together', () => {
    const refused = () => parseConfig(SCHEMA, { name: 'abc' }, [{ mutually_exclusive: ['name', 'mode'] }]);
    expect(refused).toThrow('config.name cannot stand beside mode');
  });
});
