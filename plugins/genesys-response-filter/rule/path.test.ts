/** The syntax of paths: what they mean, and what is refused, with where. */
import { describe, expect, it } from 'vitest';
import { type Path, parsePath, type Segment, selectsMany } from './path.js';

const name = (text: string): Segment => ({ kind: 'name', name: text });
const index = (at: number): Segment => ({ kind: 'index', index: at });
const any: Segment = { kind: 'any' };
const simple = (...segments: Segment[]): Path => ({ kind: 'simple', segments });

describe('a simple path', () => {
  it.each([
    ['name', simple(name('name'))],
    ['division.name', simple(name('division'), name('name'))],
    ['addresses[*].address', simple(name('addresses'), any, name('address'))],
    ['a[0][12].b', simple(name('a'), index(0), index(12), name('b'))],
    ['["a.b"].c', simple(name('a.b'), name('c'))],
    ["a['b c']", simple(name('a'), name('b c'))],
    [`["it's"]['say "hi"']`, simple(name("it's"), name('say "hi"'))],
    [String.raw`["a\"b\\c\'"]`, simple(name(`a"b\\c'`))],
    ['[*].id', simple(any, name('id'))],
    ['$ref', simple(name('$ref'))],
    ['a.$b', simple(name('a'), name('$b'))],
    ['größe.名前', simple(name('größe'), name('名前'))],
    ['__proto__.constructor', simple(name('__proto__'), name('constructor'))],
    ['a-b:c@d', simple(name('a-b:c@d'))],
    ['[""]', simple(name(''))],
  ])('%s', (text, path) => {
    expect(parsePath(text)).toEqual(path);
  });

  it.each([
    ['', 'lacks a name (at character 1)'],
    ['.a', 'lacks a name (at character 1)'],
    ['a.', 'lacks a name (at character 3)'],
    ['a..b', 'lacks a name (at character 3)'],
    ['a b', 'lacks "." (at character 2)'],
    [' a', 'lacks a name (at character 1)'],
    ['a.*', 'lacks a name (at character 3)'],
    ['a[', 'has brackets that hold neither an index, nor * nor a quoted key (at character 3)'],
    ['a[b]', 'has brackets that hold neither an index, nor * nor a quoted key (at character 3)'],
    ['a[-1]', 'has brackets that hold neither an index, nor * nor a quoted key (at character 3)'],
    ['a[1:2]', 'lacks "]" (at character 4)'],
    ['a["b]', 'has brackets that hold neither an index, nor * nor a quoted key (at character 3)'],
    ['a["b"', 'lacks "]" (at character 6)'],
    ['a["\\n"]', 'has a quoted key with an unknown escape (at character 7)'],
    ['a[0]b', 'lacks "." (at character 5)'],
    ['a]', 'lacks "." (at character 2)'],
    ['a[12345678901]', 'lacks "]" (at character 12)'],
  ])('%j is refused', (text, message) => {
    expect(() => parsePath(text)).toThrow(new Error(message));
  });
});

describe('a JSONPath', () => {
  it.each([
    ['$', simple()],
    ['$.name', simple(name('name'))],
    ["$['a.b'].c[0]", simple(name('a.b'), name('c'), index(0))],
    ['$.a.*', simple(name('a'), any)],
    ['$[*].a[*]', simple(any, name('a'), any)],
  ])('%s is a simple path', (text, path) => {
    expect(parsePath(text)).toEqual(path);
  });

  it.each([
    '$..name',
    '$..*',
    '$..[*]',
    "$..['a b']",
    '$.a[1:2]',
    '$.a[-1:]',
    '$.a[::2].b',
    '$.a[0,2]',
    "$['a','b']",
    '$.a..b[*]',
  ])('%s is left to jsonpath-plus', (expression) => {
    expect(parsePath(expression)).toEqual({ kind: 'json-path', expression });
  });

  it.each([
    ['$..[?(@.name)]', 'has a filter or script expression, which would be code (at character 5)'],
    ['$.a[(@.length-1)]', 'has a filter or script expression, which would be code (at character 5)'],
    ['$.a[?(@.b == "x")].c', 'has a filter or script expression, which would be code (at character 5)'],
    ['$.a[?@.b]', 'has a filter or script expression, which would be code (at character 5)'],
    ['$.a^', 'lacks "." (at character 4)'],
    ['$.a~', 'lacks "." (at character 4)'],
    ['$.a.@number()', 'lacks a name (at character 5)'],
    ['$..`a', 'lacks a name (at character 4)'],
    ['$..', 'lacks a name (at character 4)'],
    ['$..a..b', 'has more than one .., which takes too long (at character 7)'],
    ['$.', 'lacks a name (at character 3)'],
    ['$.a[-1]', 'has brackets that hold neither an index, nor * nor a quoted key (at character 5)'],
    ["$['a',0]", 'has a list of keys and indexes mixed (at character 8)'],
    ["$..['a.b']", 'may name only keys of letters, digits, spaces, _ and - beside .., slices and lists'],
    ["$['a','^']", 'may name only keys of letters, digits, spaces, _ and - beside .., slices and lists'],
    ["$..['*']", 'may name only keys of letters, digits, spaces, _ and - beside .., slices and lists'],
  ])('%s is refused', (text, message) => {
    expect(() => parsePath(text)).toThrow(new Error(message));
  });
});

it.each([
  ['a.b[0]', false],
  ['a[*]', true],
  ['$.a', false],
  ['$..a', true],
])('%s selects many: %s', (text, expected) => {
  expect(selectsMany(parsePath(text))).toBe(expected);
});
