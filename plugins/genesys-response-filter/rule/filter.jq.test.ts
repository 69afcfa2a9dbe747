/**
 * The same paths on the same documents as jq: what a path selects, what is left without it, and what is left of nothing
 * but it. jq's own way of saying the path stands beside ours.
 */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { runs } from '../../../kong/testbed/runs.js';
import { unless } from '../../../kong/testbed/unless.js';
import { createFilter, type FilterSpec } from './filter.js';
import { type Path, parsePath, selectsMany } from './path.js';
import { compileTemplate } from './template.js';

const JQ_MISSING = runs('jq', '--version') ? undefined : 'no jq';

const USER = {
  id: 'u1',
  name: 'Ada',
  email: 'ada@example.com',
  division: { id: 'd1', name: 'Home', selfUri: '/d1' },
  addresses: [
    { address: '+1', mediaType: 'PHONE', type: 'WORK', extra: { verified: true } },
    { address: 'a@b', mediaType: 'EMAIL' },
    { display: 'none' },
  ],
  tags: ['x', 'y', 'z'],
  manager: null,
  version: 12.5,
  active: false,
  attributes: { 'a.b': 1, 'c d': { deep: [1, 2, { deep: 3 }] }, '': 'empty' },
};
const CONVERSATION = {
  id: 'c1',
  participants: [
    { name: 'agent', calls: [{ id: 1, self: { name: 's1' } }, { id: 2 }], attributes: {} },
    { name: 'customer', calls: [], attributes: { ssn: '1', note: 'n' } },
    'odd',
    { calls: [{ id: 3, self: { name: 's3', nested: { name: 's4' } } }] },
  ],
  matrix: [[1, 2, 3], [4, 5, 6], [], [[7]]],
  name: 'conversation',
};
const HARM = JSON.parse(
  '{"__proto__":{"id":1,"x":2},"constructor":{"prototype":[1]},"toString":"t","id":{"__proto__":3}}',
) as object;

/** [our path, jq's, document] */
const CORPUS: [string, string, object][] = [
  ['id', '.id', USER],
  ['name', '.name?', USER],
  ['nothing', '.nothing', USER],
  ['manager', '.manager', USER],
  ['active', '.active', USER],
  ['division', '.division', USER],
  ['division.name', '.division.name', USER],
  ['division.nothing', '.division.nothing', USER],
  ['name.x', '.name.x?', USER],
  ['manager.x', '.manager.x', USER],
  ['addresses', '.addresses', USER],
  ['addresses[*]', '.addresses[]', USER],
  ['addresses[*].address', '.addresses[].address', USER],
  ['addresses[*].extra.verified', '.addresses[].extra.verified', USER],
  ['addresses[0]', '.addresses[0]', USER],
  ['addresses[1].address', '.addresses[1].address', USER],
  ['addresses[9].address', '.addresses[9].address', USER],
  ['addresses[*].nothing', '.addresses[].nothing', USER],
  ['tags[2]', '.tags[2]', USER],
  ['tags[*]', '.tags[]', USER],
  ['tags[*].x', '.tags[].x?', USER],
  ['tags.x', '.tags.x?', USER],
  ['division[0]', '.division[0]?', USER],
  ['division[*]', '.division[]', USER],
  ['attributes["a.b"]', '.attributes["a.b"]', USER],
  ["attributes['c d'].deep[2].deep", '.attributes["c d"].deep[2].deep', USER],
  ['attributes[""]', '.attributes[""]', USER],
  ['attributes[*].deep', '.attributes[].deep?', USER],
  ['$.division.id', '.division.id', USER],
  ["$['attributes']['c d']", '.attributes["c d"]', USER],
  ['$.addresses[*].type', '.addresses[].type', USER],
  ['participants[*].name', '.participants[].name?', CONVERSATION],
  ['participants[*].calls[*].id', '.participants[].calls?[].id', CONVERSATION],
  ['participants[*].calls[0].self.name', '.participants[].calls?[0].self.name', CONVERSATION],
  ['participants[1].attributes.ssn', '.participants[1].attributes.ssn', CONVERSATION],
  ['participants[*].attributes[*]', '.participants[].attributes?[]?', CONVERSATION],
  ['matrix[*][*]', '.matrix[][]', CONVERSATION],
  ['matrix[1][2]', '.matrix[1][2]', CONVERSATION],
  ['matrix[*][0]', '.matrix[][0]', CONVERSATION],
  ['matrix[3][0][0]', '.matrix[3][0][0]', CONVERSATION],
  ['matrix[0].x', '.matrix[0].x?', CONVERSATION],
  ['__proto__.id', '.["__proto__"].id', HARM],
  ['constructor.prototype[0]', '.constructor.prototype[0]', HARM],
  ['toString', '.toString', HARM],
  ['id.__proto__', '.id["__proto__"]', HARM],
  ['$..name', '.. | objects | .name', CONVERSATION],
  ['$..deep', '.. | objects | .deep', USER],
  ['$..id', '.. | objects | .id', HARM],
  ['$.participants..id', '.participants | .. | objects | .id', CONVERSATION],
  ['$..calls[*].id', '.. | objects | .calls[]?.id', CONVERSATION],
  ['$.matrix[1:3]', '.matrix[1,2]', CONVERSATION],
  ['$.matrix[0,2]', '.matrix[0,2]', CONVERSATION],
  ['$.tags[-1:]', '.tags[2]', USER],
  ['$.tags[:2]', '.tags[0,1]', USER],
  ["$['id','name']", '.id, .name', USER],
  ['$..addresses[0].address', '.. | objects | .addresses[0]?.address?', USER],
];

/** Paths of what is there. jq also has those of what is not, as null. */
const DEFINITIONS = `
def there($doc): . as $p
  | ($doc | try getpath($p[:-1]) catch null) as $parent
  | ($p == []) or (try ($parent | has($p[-1])) catch false);
def found(f): . as $doc | [try path(f) catch empty | select(there($doc))];
def begins($p): . as $s | $s[:($p | length)] == $p;
def only($deep; $on): delpaths([paths | . as $p
  | select(any($deep[]; . as $d | $p | begins($d)) or any($on[]; . == $p) | not)]);
`;

/** @returns one result for each filter */
function jq(document: object, ...filters: string[]): unknown[] {
  const program = `${DEFINITIONS} ${filters.map((text) => `[(${text})]`).join(', ')}`;
  const { stdout, stderr, status } = spawnSync('jq', ['-c', program], {
    input: JSON.stringify(document),
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  return stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as unknown[])[0]);
}

async function ours(document: object, spec: Partial<FilterSpec>): Promise<unknown> {
  const nothing = { keep: undefined, remove: [], rename: [], template: undefined, collection: ['entities'] };
  const filter = createFilter({ ...nothing, ...spec });
  return JSON.parse(String(await filter(Buffer.from(JSON.stringify(document)))));
}

/** The objects and arrays on the way, which stay though nothing is found in them; as a filter for a list of paths. */
function onTheWay(path: Path): string {
  // Those of a JSONPath stay where it finds something.
  if (path.kind === 'json-path') return '$deep | map(range(length) as $i | .[:$i])';
  let head = '.';
  const prefixes = path.segments.map((segment) => {
    const kinds = { name: 'objects', index: 'arrays', any: 'iterables' }[segment.kind];
    const prefix = `(${head} | ${kinds})`;
    head += {
      name: () => `["${'name' in segment ? segment.name : ''}"]?`,
      index: () => `[${'index' in segment ? segment.index : 0}]?`,
      any: () => '[]?',
    }[segment.kind]();
    return prefix;
  });
  return prefixes.length === 0 ? '[]' : `found(${prefixes.join(', ')})`;
}

describe('beside jq', unless(JQ_MISSING), () => {
  it('holds enough', () => {
    expect(CORPUS.length).toBeGreaterThanOrEqual(40);
  });

  it.each(CORPUS)('%s, in jq %s', async (text, jqPath, document) => {
    const path = parsePath(text);
    const [selected, without, alone] = jq(
      document,
      `. as $doc | found(${jqPath}) | map(. as $p | $doc | getpath($p))`,
      `delpaths(found(${jqPath}))`,
      `. as $doc | found(${jqPath}) as $deep | (${onTheWay(path)}) as $on | only($deep; $on)`,
    ) as [unknown[], unknown, unknown];

    const template = compileTemplate(JSON.stringify({ x: `{{ ${text} }}` }));
    const { x } = (await ours(document, { template })) as { x: unknown };
    if (selectsMany(path)) expect(new Set((x as unknown[] | null) ?? [])).toEqual(new Set(selected));
    else expect(x).toEqual(selected[0] ?? null);
    expect(await ours(document, { remove: [path] })).toEqual(without);
    expect(await ours(document, { keep: [path] })).toEqual(alone);
  });
});
