/** Kong's schema language, as an operator's configuration is read and as a plugin's is: the same rules, in two vocabularies. */
import { expect, it } from 'vitest';
import { readField } from './check.js';
import type { Field } from './field.js';
import type { Reading } from './problem.js';

function problemsOf(from: Reading['from'], field: Field, value: unknown): string[] {
  const problems: Reading['problems'] = [];
  readField(field, value, 'f', { from, problems });
  return problems.map(({ path, message }) => `${path}: ${message}`);
}

const TEXT = { type: 'string' } as const;
const record = (...entity_checks: unknown[]): Field => ({
  type: 'record',
  fields: [{ a: TEXT }, { b: TEXT }, { c: { ...TEXT, referenceable: true } }],
  entity_checks,
});
const onlyIf = (then: object) => ({ if_field: 'a', if_match: { eq: 'x' }, ...then });
const REFERENCE = '{vault://env/a}';

it.each<[Field, unknown, string | string[], string | string[]]>([
  [TEXT, '', 'f: length must be at least 1', 'f: must not be empty'],
  [{ ...TEXT, len_min: 0 }, '', [], []],
  [{ ...TEXT, len_max: 3 }, 'öö', 'f: length must be at most 3', 'f: must have a length of at most 3'],
  [{ ...TEXT, len_eq: 3 }, 'öö', 'f: length must be 3', 'f: length must be 3'],
  [{ ...TEXT, match: '^%u+$' }, 'get', 'f: invalid value: get', 'f: must match the Lua pattern ^%u+$'],
  [{ ...TEXT, match: '^%u+$', err: 'is odd' }, 'get', 'f: is odd', 'f: is odd'],
  [{ ...TEXT, len_max: 1, err: 'is odd' }, 'AB', 'f: is odd', 'f: must have a length of at most 1'],
  [{ ...TEXT, match_none: [{ pattern: '//', err: 'has //' }] }, 'a//b', 'f: has //', 'f: has //'],
  [{ ...TEXT, one_of: ['a', 'b'] }, '', 'f: expected one of: a, b', 'f: must be one of a, b'],
  [{ ...TEXT, not_one_of: ['a'] }, 'a', 'f: must not be one of: a', 'f: must not be one of: a'],
  [{ ...TEXT, uuid: true }, 'a', 'f: expected a valid UUID', 'f: expected a valid UUID'],
  [{ ...TEXT, eq: null }, 'a', 'f: value must be null', 'f: value must be null'],
  [{ type: 'integer' }, '3', 'f: expected an integer', 'f: must be a number'],
  [{ type: 'set', elements: TEXT }, 'a', 'f: expected a set', 'f: must be a list'],
  [{ type: 'array', elements: TEXT }, {}, [], []],
  [{ type: 'map', keys: TEXT, values: TEXT }, [], [], []],
  [{ type: 'map', keys: TEXT, values: TEXT }, { '': 'x' }, 'f.: length must be at least 1', 'f key: must not be empty'],
  [record(), [], [], []],
  [record(), { x: 1 }, 'f.x: unknown field', []],
  [record(), null, 'f: required field missing', []],
  [{ ...TEXT, default: 'a', required: true }, null, 'f: required field missing', []],
  [{ ...TEXT, referenceable: true, match: '^a' }, REFERENCE, [], 'f: must match the Lua pattern ^a'],
  [
    record({ at_least_one_of: ['a', 'b', 'c'] }),
    {},
    "f: at least one of these fields must be non-empty: 'a', 'b', 'c'",
    'f.a: is required, or b or c',
  ],
  [
    record({ only_one_of: ['a', 'b'] }),
    {},
    "f: exactly one of these fields must be non-empty: 'a', 'b'",
    'f.a: is required, or b',
  ],
  [
    record({ only_one_of: ['a', 'b'] }),
    { a: '1', b: '2' },
    "f: exactly one of these fields must be non-empty: 'a', 'b'",
    'f.b: cannot stand beside a',
  ],
  [
    record({ mutually_exclusive: ['a', 'b'] }),
    { a: '1', b: '2' },
    "f: only one or none of these fields must be set: 'a', 'b'",
    'f.a: cannot stand beside b',
  ],
  [record({ mutually_exclusive: ['a', 'c'] }), { a: '1', c: REFERENCE }, [], 'f.a: cannot stand beside c'],
  [
    record({ conditional: onlyIf({ then_field: 'b', then_match: { required: true } }) }),
    { a: 'x' },
    ["f: failed conditional validation given value of field 'a'", 'f.b: required field missing'],
    'f.b: is required if a is x',
  ],
  [record({ conditional: onlyIf({ then_field: 'b', then_match: { required: true } }) }), { a: 'y' }, [], []],
  [
    record({ conditional_at_least_one_of: onlyIf({ then_at_least_one_of: ['b', 'c'] }) }),
    { a: 'x' },
    "f: at least one of these fields must be non-empty: 'b', 'c'",
    'f.b: is required, or c',
  ],
])('%j of %j: %j', (field, value, kong, plugin) => {
  expect(problemsOf('operator', field, value)).toEqual([kong].flat());
  expect(problemsOf('kong', field, value)).toEqual([plugin].flat());
});

it('names every problem', () => {
  expect(problemsOf('operator', record({ only_one_of: ['a', 'b'] }), { a: 1, c: '', d: 1 })).toEqual([
    'f.d: unknown field',
    'f.a: expected a string',
    'f.c: length must be at least 1',
    "f: exactly one of these fields must be non-empty: 'a', 'b'",
  ]);
});

it.each([{ mutually_required: ['a', 'b'] }, { conditional: onlyIf({ then_field: 'b', then_match: { gt: 1 } }) }])(
  'does not pass over a check that it does not know: %j',
  (check) => {
    expect(() => problemsOf('operator', record(check), { a: 'x' })).toThrow('is not known here');
  },
);
