/** What rules do to bodies: keep, remove, rename, templates, collections, and keys that mean harm. */
import { describe, expect, it } from 'vitest';
import { BodyFault } from '../json/body-fault.js';
import { createFilter, type FilterSpec } from './filter.js';
import { parsePath } from './path.js';
import { compileTemplate } from './template.js';

interface Spec {
  keep?: string[];
  remove?: string[];
  rename?: Record<string, string>;
  template?: string;
  collection?: string[];
}

function filterOf({ keep, remove, rename, template, collection }: Spec) {
  const spec: FilterSpec = {
    keep: keep?.map(parsePath),
    remove: (remove ?? []).map(parsePath),
    rename: Object.entries(rename ?? {}).map(([from, to]) => ({ from: parsePath(from), to })),
    template: template === undefined ? undefined : compileTemplate(template),
    collection: collection ?? ['entities'],
  };
  return createFilter(spec);
}

async function filter(spec: Spec, body: string): Promise<string> {
  return String(await filterOf(spec)(Buffer.from(body)));
}

/** [what, rule, body, what leaves] */
type Case = [string, Spec, string, string];

describe('a page without elements', () => {
  const TEMPLATE = '{"key":"{{ id }}"}';
  it.each<Case>([
    ['with null', { keep: ['id'] }, '{"entities":null,"total":0}', '{"entities":[],"total":0}'],
    [
      'with null and more than the page',
      { keep: ['id'] },
      '{"secret":1,"entities": null ,"pageSize":25,"selfUri":"/a"}',
      '{"entities": [] ,"pageSize":25,"selfUri":"/a"}',
    ],
    ['with a total alone', { keep: ['id'] }, '{"totalHits":0}', '{"totalHits":0}'],
    [
      'with paging alone',
      { keep: ['id'] },
      '{"pageSize":25,"pageNumber":1,"total":0}',
      '{"pageSize":25,"pageNumber":1,"total":0}',
    ],
    [
      'with paging, links and what is kept',
      { keep: ['selfUri'] },
      '{"total":0,"selfUri":"/a"}',
      '{"total":0,"selfUri":"/a"}',
    ],
    ['with more than the page', { keep: ['id'] }, '{"facets":["secret"],"total":0}', '{"total":0}'],
    [
      'of another collection',
      { keep: ['id'], collection: ['a', 'b'] },
      '{"a":{"b":null,"x":1},"total":0}',
      '{"a":{"b":[]},"total":0}',
    ],
    [
      'whose collection is within null',
      { keep: ['id'], collection: ['a', 'b'] },
      '{"a":null,"total":0}',
      '{"total":0}',
    ],
    ['with null, by a template', { template: TEMPLATE }, '{"entities":null,"total":0}', '{"entities":[],"total":0}'],
    ['with a total alone, by a template', { template: TEMPLATE }, '{"totalHits":0}', '{"totalHits":0}'],
    ['with null, by a JSONPath', { keep: ['$..id'] }, '{"entities":null,"total":0}', '{"entities":[],"total":0}'],
    ['with a total alone, by a JSONPath', { keep: ['$..id'] }, '{"totalHits":0}', '{"totalHits":0}'],
    ['if everything is kept', { remove: ['a'] }, '{"a":1,"entities":null,"total":0}', '{"entities":null,"total":0}'],
  ])('%s', async (_, spec, body, expected) => {
    expect(await filter(spec, body)).toBe(expected);
  });

  it.each<Case>([
    ['a single object', { keep: ['name'] }, '{"name":"n","selfUri":"/a","email":"secret"}', '{"name":"n"}'],
    ['an object that is kept in part', { keep: ['name'] }, '{"name":"n","total":3,"x":1}', '{"name":"n"}'],
    ['null without paging', { keep: ['name'] }, '{"entities":null,"name":"n","x":1}', '{"name":"n"}'],
    ['null and nothing', { keep: ['name'] }, '{"entities":null}', '{}'],
    ['an empty object', { keep: ['name'] }, '{}', '{}'],
    ['a total that is no number', { keep: ['name'] }, '{"total":{"secret":1}}', '{}'],
    ['what a template is about', { template: '{"n":"{{ total }}"}' }, '{"total":3}', '{"n":3}'],
    ['an object for a template', { template: TEMPLATE }, '{"name":"n"}', '{"key":null}'],
  ])('is not taken for one: %s', async (_, spec, body, expected) => {
    expect(await filter(spec, body)).toBe(expected);
  });
});

describe('links', () => {
  const links = (link: string) =>
    link.startsWith('/a') ? `/b${link.slice(2)}` : link.startsWith('/') ? undefined : link;
  it.each<Case>([
    [
      'of a page are replaced or left out',
      { keep: ['id'] },
      '{"entities":[{"id":1}],"nextUri":"/a?p=2","selfUri":"/x","cursor":"/x","previousUri" : "\\/a" }',
      '{"entities":[{"id":1}],"nextUri":"/b?p=2","cursor":"/x","previousUri" : "/b" }',
    ],
    ['of elements', { keep: ['id', 'selfUri'] }, '{"entities":[{"id":1,"selfUri":"/x/1"}]}', '{"entities":[{"id":1}]}'],
    [
      'deep in what is kept whole',
      { keep: ['owner'] },
      '{"owner":{"a":[{"selfUri":"/x","n":1},{"selfUri":"/a"}],"self\\u0055ri":"/x","x":"/x"},"y":1}',
      '{"owner":{"a":[{"n":1},{"selfUri":"/b"}],"x":"/x"}}',
    ],
    [
      'where everything is kept',
      { keep: ['$'] },
      '[{"selfUri":"/x","a":{"nextUri":"/a"}}]',
      '[{"a":{"nextUri":"/b"}}]',
    ],
    ['where something is removed', { remove: ['b'] }, '{"b":1,"c":{"lastUri":"/x"}}', '{"c":{}}'],
    ['that get another name', { keep: ['selfUri'], rename: { selfUri: 'self' } }, '{"selfUri":"/a"}', '{"self":"/b"}'],
    [
      'in a template',
      { template: '{"to":"{{ selfUri }}","is":"at {{ selfUri }}"}' },
      '{"selfUri":"/a"}',
      '{"to":"/b","is":"at /b"}',
    ],
    ['in a template, left out', { template: '{"to":"{{ selfUri }}"}' }, '{"selfUri":"/x"}', '{"to":null}'],
    [
      'that are none stay',
      { keep: ['$'] },
      '{"nextPage":2,"selfUri":null,"nextUri":"abc"}',
      '{"nextPage":2,"selfUri":null,"nextUri":"abc"}',
    ],
    ['by a JSONPath', { keep: ['$..selfUri'] }, '{"a":{"selfUri":"/a"}}', '{"a":{"selfUri":"/b"}}'],
  ])('%s', async (_, spec, body, expected) => {
    expect(String(await filterOf(spec)(Buffer.from(body), links))).toBe(expected);
  });

  it('that stay as they are leave the body itself', async () => {
    const body = Buffer.from('{"a":{"selfUri":"/a"},"nextUri":"/c"}');
    expect(await filterOf({ keep: ['$'] })(body, (link) => link)).toBe(body);
  });
});

describe('keep', () => {
  it.each<Case>([
    ['names fields', { keep: ['id', 'name'] }, '{"id":1,"email":"x","name":"n"}', '{"id":1,"name":"n"}'],
    ['keeps the order of the body', { keep: ['b', 'a'] }, '{"a":1,"c":0,"b":2}', '{"a":1,"b":2}'],
    ['takes all of a value', { keep: ['a'] }, '{"a":{"b":[1,{"c":2}]},"d":1}', '{"a":{"b":[1,{"c":2}]}}'],
    ['goes into objects', { keep: ['a.b'] }, '{"a":{"b":1,"c":2},"b":3}', '{"a":{"b":1}}'],
    [
      'goes into each element',
      { keep: ['a[*].b'] },
      '{"a":[{"b":1,"c":2},{"c":3},{"b":4}]}',
      '{"a":[{"b":1},{},{"b":4}]}',
    ],
    ['goes into each member', { keep: ['a[*].b'] }, '{"a":{"x":{"b":1,"c":2},"y":{}}}', '{"a":{"x":{"b":1},"y":{}}}'],
    ['takes one element', { keep: ['a[1]'] }, '{"a":[1,2,3]}', '{"a":[2]}'],
    [
      'merges elements and all',
      { keep: ['a[*].b', 'a[1].c'] },
      '{"a":[{"b":1,"c":2},{"b":3,"c":4}]}',
      '{"a":[{"b":1},{"b":3,"c":4}]}',
    ],
    ['takes the wider of two', { keep: ['a.b', 'a'] }, '{"a":{"b":1,"c":2}}', '{"a":{"b":1,"c":2}}'],
    [
      'leaves out what is of another kind',
      { keep: ['a.b', 'c[*].d', 'e[0].f'] },
      '{"a":"secret","c":["secret",1,{"d":1}],"e":{"0":{"f":1}}}',
      '{"c":[{"d":1}]}',
    ],
    ['keeps empty objects and arrays on the way', { keep: ['a.b', 'c[*].d'] }, '{"a":{},"c":[]}', '{"a":{},"c":[]}'],
    ['leaves out null on the way', { keep: ['a.b'] }, '{"a":null}', '{}'],
    ['takes quoted keys', { keep: ['["a.b"]["c d"]'] }, '{"a.b":{"c d":1,"c":2},"a":{"b":3}}', '{"a.b":{"c d":1}}'],
    ['takes everything as $', { keep: ['$'] }, ' {"a" : 1.0} ', '{"a" : 1.0}'],
    [
      'takes everything as $ of a page with another collection',
      { keep: ['$'] },
      '{"a":[1],"total":1}',
      '{"a":[1],"total":1}',
    ],
    ['finds nothing', { keep: ['x'] }, '{"a":1}', '{}'],
    ['of a scalar body', { keep: ['a'] }, '"secret"', 'null'],
    ['of a scalar body, all of it', { keep: ['$'] }, '"text"', '"text"'],
    ['of an array of scalars', { keep: ['a'] }, '["secret",1]', '[]'],
    ['of an array in an array', { keep: ['a'] }, '[[{"a":1}],{"a":2}]', '[{"a":2}]'],
  ])('%s', async (_, spec, body, expected) => {
    expect(await filter(spec, body)).toBe(expected);
  });
});

describe('remove', () => {
  it.each<Case>([
    [
      'takes fields out',
      { remove: ['email', 'a.b'] },
      '{"id":1,"email":"x","a":{"b":2,"c":3}}',
      '{"id":1,"a":{"c":3}}',
    ],
    ['leaves no comma behind', { remove: ['a', 'c'] }, '{"a":1,"b":2,"c":3}', '{"b":2}'],
    ['may leave nothing', { remove: ['a'] }, '{ "a" : 1 }', '{}'],
    ['of each element', { remove: ['a[*].b'] }, '{"a":[{"b":1,"c":2},5]}', '{"a":[{"c":2},5]}'],
    ['an element', { remove: ['a[0]', 'a[2]'] }, '{"a":[1,2,3,4]}', '{"a":[2,4]}'],
    ['all elements', { remove: ['a[*]'] }, '{"a":[1,2],"b":{"c":1}}', '{"a":[],"b":{"c":1}}'],
    ['from what is kept', { keep: ['a'], remove: ['a.b'] }, '{"a":{"b":1,"c":2},"d":3}', '{"a":{"c":2}}'],
    ['wins, whichever is wider', { keep: ['a.b'], remove: ['a'] }, '{"a":{"b":1}}', '{}'],
    ['of scalars has nothing to do', { remove: ['a'] }, '[1,"b",null]', '[1,"b",null]'],
  ])('%s', async (_, spec, body, expected) => {
    expect(await filter(spec, body)).toBe(expected);
  });
});

describe('rename', () => {
  it.each<Case>([
    ['gives another key in the same place', { rename: { b: 'x' } }, '{"a":1, "b" : 2,"c":3}', '{"a":1, "x":2,"c":3}'],
    [
      'below others',
      { rename: { 'a[*].b': 'x y' } },
      '{"a":[{"b":1},{"b":{"b":2}}]}',
      '{"a":[{"x y":1},{"x y":{"b":2}}]}',
    ],
    ['of what is kept only', { keep: ['a'], rename: { a: 'x', b: 'y' } }, '{"a":1,"b":2}', '{"x":1}'],
    [
      'of a value that is filtered itself',
      { keep: ['a.b'], rename: { a: 'x' } },
      '{"a":{"b":1,"c":2}}',
      '{"x":{"b":1}}',
    ],
    ['takes the name from a sibling', { rename: { a: 'b' } }, '{"b":1,"a":2}', '{"b":2}'],
    ['exchanges two', { rename: { a: 'b', b: 'a' } }, '{"a":1,"b":2}', '{"b":1,"a":2}'],
    ['escapes the new key', { rename: { a: '"ü\n' } }, '{"a":1}', '{"\\"ü\\n":1}'],
    ['finds nothing', { rename: { x: 'y' } }, '{"a":{"x":1}}', '{"a":{"x":1}}'],
    ['makes a body longer', { rename: { a: 'long'.repeat(100) } }, '{"a":1}', `{"${'long'.repeat(100)}":1}`],
    [
      'of what a JSONPath finds',
      { rename: { '$..b': 'x' } },
      '{"a":[{"b":1}],"b":{"b":2}}',
      '{"a":[{"x":1}],"x":{"x":2}}',
    ],
  ])('%s', async (_, spec, body, expected) => {
    expect(await filter(spec, body)).toBe(expected);
  });
});

describe('a collection', () => {
  const page = '{"entities":[{"id":1,"x":0},{"id":2}],"pageSize":25,"total":2,"nextUri":"/n","facets":[1],"note":"x"}';

  it.each<Case>([
    [
      'is filtered by element, and keeps its paging',
      { keep: ['id'] },
      page,
      '{"entities":[{"id":1},{"id":2}],"pageSize":25,"total":2,"nextUri":"/n"}',
    ],
    [
      'keeps what stands beside it if nothing says what leaves',
      { remove: ['x', 'note'] },
      page,
      '{"entities":[{"id":1},{"id":2}],"pageSize":25,"total":2,"nextUri":"/n","facets":[1]}',
    ],
    [
      'keeps paging that is removed from elements',
      { remove: ['total'] },
      '{"entities":[{"total":1}],"total":1}',
      '{"entities":[{}],"total":1}',
    ],
    [
      'gets new names in its elements only',
      { rename: { id: 'x' } },
      '{"id":1,"entities":[{"id":2}]}',
      '{"id":1,"entities":[{"x":2}]}',
    ],
    [
      'may come last',
      { keep: ['id'] },
      '{"id":0,"cursor":"c","entities":[{"id":1}]}',
      '{"cursor":"c","entities":[{"id":1}]}',
    ],
    ['may be empty', { keep: ['id'] }, '{"entities":[],"id":1}', '{"entities":[]}'],
    [
      'drops elements that are no objects',
      { keep: ['id'] },
      '{"entities":["secret",{"id":1},[{"id":2}]]}',
      '{"entities":[{"id":1}]}',
    ],
    [
      'holds scalars only as paging',
      { keep: ['id'] },
      '{"entities":[],"total":{"a":1},"cursors":{"after":"a","x":1,"before":{}},"nextUri":null}',
      '{"entities":[],"cursors":{"after":"a"},"nextUri":null}',
    ],
    ['is none if it is no array', { keep: ['id'] }, '{"entities":{"id":1},"id":2,"total":3}', '{"id":2}'],
    [
      'may stand deeper',
      { keep: ['id'], collection: ['a', 'b'] },
      '{"total":9,"x":1,"a":{"total":1,"y":2,"b":[{"id":1,"z":3}]}}',
      '{"total":9,"a":{"total":1,"b":[{"id":1}]}}',
    ],
    [
      'that stands deeper is guarded above too',
      { remove: ['x', 'a.y'], collection: ['a', 'b'] },
      '{"x":1,"z":2,"a":{"y":1,"z":2,"b":[{"x":1,"z":2}]}}',
      '{"z":2,"a":{"z":2,"b":[{"z":2}]}}',
    ],
    ['is an array at the top', { keep: ['id'] }, '[{"id":1,"x":0},{"y":1}]', '[{"id":1},{}]'],
    ['of an array at the top is none', { keep: ['id'] }, '[{"entities":[{"id":1}],"id":2}]', '[{"id":2}]'],
    [
      'with an escape in its key',
      { remove: ['x'] },
      '{"entit\\u0069es":[{"x":1,"y":2}]}',
      '{"entit\\u0069es":[{"y":2}]}',
    ],
    [
      'that stands twice',
      { keep: ['id'] },
      '{"entities":[{"id":1,"x":1}],"entities":{"id":2,"x":2}}',
      '{"entities":[{"id":1}]}',
    ],
    [
      'that stands twice, guarded',
      { remove: ['x'] },
      '{"entities":[{"x":1}],"entities":{"x":2,"y":3}}',
      '{"entities":[{}],"entities":{"y":3}}',
    ],
  ])('%s', async (_, spec, body, expected) => {
    expect(await filter(spec, body)).toBe(expected);
  });

  it('is a single object under another name', async () => {
    expect(await filter({ keep: ['id'], collection: ['results'] }, '{"id":1,"entities":[{"id":2}]}')).toBe('{"id":1}');
  });
});

describe('values', () => {
  it.each([
    '12345678901234567890',
    '0.1000000000000000055511151231257827',
    '1e400',
    '-0',
    '1.0',
    '1E+05',
    '"\\u00e4\\/\\ud83d"',
    '"ä🎉"',
    '[ 1 , { "z" : 1 , "a" : 2 } ]',
  ])('%s leaves byte for byte', async (value) => {
    expect(await filter({ keep: ['a'] }, `{ "x":1, "a" : ${value} , "y":[${value}]}`)).toBe(`{"a" : ${value}}`);
    expect(await filter({ template: '{"v": "{{ a }}" }' }, `{"x":1,"a": ${value} }`)).toBe(`{"v": ${value} }`);
  });

  it('are the same buffer if nothing is left out', async () => {
    const body = Buffer.from('{"entities":[{"id":1 },{ "id" :2}] , "total":1}');
    expect(await filterOf({ remove: ['x', 'y[*].z'] })(body)).toBe(body);
    expect(await filterOf({ keep: ['id'] })(body)).toBe(body);
  });
});

describe('keys', () => {
  it.each<Case>([
    [
      'are compared by what they mean',
      { remove: ['name', 'ä'] },
      '{"na\\u006de":1,"\\u00e4":2,"ä":3,"x":4}',
      '{"x":4}',
    ],
    [
      'with quotes and backslashes',
      { keep: [String.raw`["\"\\"]`] },
      String.raw`{"\"\\":1,"\u0022\u005c":2,"x":3}`,
      String.raw`{"\"\\":1,"\u0022\u005c":2}`,
    ],
    ['that stand twice are all removed', { remove: ['a'] }, '{"a":1,"b":2,"a":3}', '{"b":2}'],
    [
      'that stand twice are all filtered',
      { keep: ['a.b'] },
      '{"a":{"b":1,"c":2},"a":{"c":3},"a":"x"}',
      '{"a":{"b":1},"a":{}}',
    ],
    [
      'of prototypes are ordinary',
      { keep: ['id'] },
      '{"__proto__":{"id":1},"constructor":{"id":2},"id":3}',
      '{"id":3}',
    ],
    [
      'of prototypes can be named',
      { keep: ['__proto__.a', 'constructor'] },
      '{"__proto__":{"a":1,"b":2},"constructor":3,"x":4}',
      '{"__proto__":{"a":1},"constructor":3}',
    ],
    [
      'of prototypes can be removed',
      { remove: ['__proto__', '$..constructor'] },
      '{"__proto__":{"x":1},"a":{"constructor":1,"b":2}}',
      '{"a":{"b":2}}',
    ],
    ['differ by case', { keep: ['id'] }, '{"ID":1,"Id":2,"id":3}', '{"id":3}'],
    ['that begin alike differ', { keep: ['name'] }, '{"names":1,"nam":2,"namf":3,"":4}', '{}'],
  ])('%s', async (_, spec, body, expected) => {
    expect(await filter(spec, body)).toBe(expected);
    expect(Object.prototype).not.toHaveProperty('a');
  });
});

describe('a JSONPath', () => {
  it.each<Case>([
    [
      'finds at any depth',
      { keep: ['$..id'] },
      '{"id":1,"x":2,"a":{"y":3,"b":[{"id":4,"z":5},6]}}',
      '{"id":1,"a":{"b":[{"id":4}]}}',
    ],
    ['removes at any depth', { remove: ['$..x'] }, '{"x":1,"a":[{"x":2,"y":3},[{"x":4}]]}', '{"a":[{"y":3},[{}]]}'],
    [
      'takes lists of indexes',
      { remove: ['$.a[0 , 1]', "$['b' , 'c']"] },
      '{"a":[0,1,2,3],"b":1,"c":2}',
      '{"a":[2,3]}',
    ],
    ['takes slices', { keep: ['$.a[1:3]'] }, '{"a":[0,1,2,3],"b":1}', '{"a":[1,2]}'],
    ['takes from the end', { remove: ['$.a[-1:]'] }, '{"a":[0,1,2]}', '{"a":[0,1]}'],
    [
      'takes lists of keys and indexes',
      { keep: ["$['a','b c']", '$.d[0,2]'] },
      '{"a":1,"b c":2,"c":3,"d":[4,5,6]}',
      '{"a":1,"b c":2,"d":[4,6]}',
    ],
    [
      'stands beside simple paths',
      { keep: ['a', '$..id'], remove: ['a.id'] },
      '{"a":{"id":1,"x":2},"b":{"id":3,"x":4}}',
      '{"a":{"x":2},"b":{"id":3}}',
    ],
    [
      'begins at each element',
      { keep: ['$..id'] },
      '{"total":1,"id":0,"entities":[{"a":{"id":1}},{"x":1}]}',
      '{"total":1,"entities":[{"a":{"id":1}},{}]}',
    ],
    ['begins at each element of the top', { keep: ['$..id'] }, '[{"id":1,"x":2},"secret",{"x":3}]', '[{"id":1},{}]'],
    [
      'guards what stands beside a collection',
      { remove: ['$..x'] },
      '{"x":1,"a":{"x":2,"y":3},"entities":[{"x":4}]}',
      '{"a":{"y":3},"entities":[{}]}',
    ],
    [
      'is not misled by keys that are operators',
      { remove: ['$..x'] },
      '{"^":{"x":1},"~":{"x":2},"@a()":{"x":3},"x/~1":{"x":4},"*":{"x":5,"y":6},"..":{"x":7}}',
      '{"^":{},"~":{},"@a()":{},"x/~1":{},"*":{"y":6},"..":{}}',
    ],
    ['finds all of what matches twice', { keep: ['$..a'] }, '{"a":{"a":1,"b":2},"c":3}', '{"a":{"a":1,"b":2}}'],
    [
      'keeps values exact',
      { keep: ['$..id'] },
      '{"a":{"id":12345678901234567890}}',
      '{"a":{"id":12345678901234567890}}',
    ],
    ['of a scalar finds nothing', { keep: ['$..a'] }, '"secret"', 'null'],
    [
      'in a template is a list',
      { template: '{"ids":"{{ $..id }}","no":"{{ $..no }}"}' },
      '{"id":1,"a":[{"id":"2"}]}',
      '{"ids":[1,"2"],"no":null}',
    ],
  ])('%s', async (_, spec, body, expected) => {
    expect(await filter(spec, body)).toBe(expected);
  });

  it('refuses a body with a key that stands twice, which it could not tell apart', async () => {
    await expect(filter({ remove: ['$..x'] }, '{"a":{"x":1},"a":{"y":2}}')).rejects.toThrow(
      new BodyFault('an object with the same key twice'),
    );
    await expect(filter({ remove: ['$..x'] }, '{"a":1,"\\u0061":2}')).rejects.toThrow(BodyFault);
    expect(await filter({ remove: ['$..x'] }, '{"a":":","b":[":",{"a":"\\":"}]}')).toBe(
      '{"a":":","b":[":",{"a":"\\":"}]}',
    );
  });

  it('refuses what is not JSON with the same words', async () => {
    await expect(filter({ keep: ['$..x'] }, '{"secret":')).rejects.toThrow(new BodyFault('not JSON at byte 10'));
  });
});

describe('a body', () => {
  it.each([
    ['', 'not JSON at byte 0'],
    ['{"entities":[{"id":1},', 'not JSON at byte 22'],
    ['{"id":1}{"id":2}', 'not JSON at byte 8'],
    ['{"id":1,"a":tru}', 'not JSON at byte 15'],
    ['{"id":1,}', 'not JSON at byte 8'],
    ['{"a":1 "id":1}', 'not JSON at byte 7'],
    ['{"id" 1}', 'not JSON at byte 6'],
    ['[{"id":1},]', 'not JSON at byte 10'],
    ['[{"id":1}}', 'not JSON at byte 9'],
    ['{"i\\x":1}', 'not JSON at byte 4'],
    ['{id:1}', 'not JSON at byte 1'],
    [`{"id":${'['.repeat(600)}`, 'nested deeper than 512 levels'],
  ])('%j is refused: %s', (body, message) => {
    expect(() => filterOf({ keep: ['id'] })(Buffer.from(body))).toThrow(new BodyFault(message));
  });

  it('is refused where the tree itself leads too deep', () => {
    const keep = [Array.from({ length: 600 }, () => 'a').join('.'), `$${'[*]'.repeat(600)}`];
    for (const path of keep) {
      const body = path.startsWith('$') ? '['.repeat(600) : '{"a":'.repeat(600);
      expect(() => filterOf({ keep: [path] })(Buffer.from(body))).toThrow('nested deeper than 512 levels');
    }
  });

  it('that is not UTF-8 is refused', () => {
    const body = Buffer.concat([Buffer.from('{"id":"'), Buffer.of(0xe4), Buffer.from('"}')]);
    expect(() => filterOf({ keep: ['id'] })(body)).toThrow(new BodyFault('not UTF-8'));
  });
});

it('refuses paths that multiply without end', () => {
  const keep = Array.from({ length: 20 }, (_, i) => `${'[*]'.repeat(i)}[${i}]${'[*]'.repeat(20 - i)}.a`);
  expect(() => filterOf({ keep })).toThrow('has paths that multiply to too many combinations');
});
