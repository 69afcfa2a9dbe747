/**
 * For random documents and random rules, what leaves is what a plain, slow reading of the paths says, byte for byte: no
 * key that is not listed, and everything that is.
 */
import { expect, it } from 'vitest';
import { createRandom, type Random } from '../../../kong/testbed/genesys-cloud/data/random.js';
import { compact, type JsonNode, KEYS, randomJson, spaces, write } from '../../../test/support/random-json.js';
import { createFilter } from './filter.js';
import type { Segment } from './path.js';

const ROUNDS = 10_000;

function randomPath(random: Random, least: number): Segment[] {
  return Array.from({ length: random.int(least, 4) }, (): Segment => {
    const kind = random.int(0, 5);
    if (kind === 0) return { kind: 'any' };
    return kind === 1 ? { kind: 'index', index: random.int(0, 3) } : { kind: 'name', name: random.pick(KEYS) };
  });
}

const randomPaths = (random: Random, least = 1): Segment[][] =>
  Array.from({ length: random.int(1, 5) }, () => randomPath(random, least));

/** The paths that lead on from a value to the member or element at `key`. */
function below(paths: Segment[][], key: string | number): Segment[][] {
  return paths
    .filter(([head]) => {
      if (head === undefined || head.kind === 'any') return head !== undefined;
      return head.kind === 'name' ? head.name === key : head.index === key;
    })
    .map(([, ...rest]) => rest);
}

/** What is left of a value; undefined: nothing. */
type Selection = (node: JsonNode, paths: Segment[][]) => JsonNode | undefined;

const kept: Selection = (node, paths) => {
  if (paths.some((path) => path.length === 0)) return node;
  const other = node.kind === 'object' ? 'index' : 'name';
  if (node.kind === 'scalar' || !paths.some(([head]) => head?.kind !== other)) return undefined;
  return parts(node, paths, kept);
};

const rest: Selection = (node, paths) => {
  if (paths.some((path) => path.length === 0)) return undefined;
  return node.kind === 'scalar' ? node : parts(node, paths, rest);
};

function parts(node: Exclude<JsonNode, { kind: 'scalar' }>, paths: Segment[][], select: Selection): JsonNode {
  if (node.kind === 'array') {
    return { kind: 'array', elements: node.elements.flatMap((value, i) => select(value, below(paths, i)) ?? []) };
  }
  const members = node.members.flatMap((member) => {
    const value = select(member.value, below(paths, member.key));
    return value === undefined ? [] : [{ ...member, value }];
  });
  return { kind: 'object', members };
}

/** What leaves of the elements of an array at the top, or of the body. */
function expected(body: JsonNode, select: (node: JsonNode) => JsonNode | undefined): string {
  if (body.kind !== 'array') return write(select(body) ?? { kind: 'scalar', text: 'null' });
  return write({ kind: 'array', elements: body.elements.flatMap((element) => select(element) ?? []) });
}

async function filtered(text: string, keep: Segment[][] | undefined, remove: Segment[][]): Promise<string> {
  const simple = (segments: Segment[]) => ({ kind: 'simple' as const, segments });
  const filter = createFilter({
    keep: keep?.map(simple),
    remove: remove.map(simple),
    rename: [],
    template: undefined,
    collection: ['entities'],
  });
  return compact(String(await filter(Buffer.from(text))));
}

it('of keep leaves exactly what is listed', async () => {
  const random = createRandom('keep');
  for (let round = 0; round < ROUNDS; round += 1) {
    const { node, text } = randomJson(random);
    const keep = randomPaths(random, 0);
    const context = `${JSON.stringify(keep)} of ${text}`;
    expect(await filtered(text, keep, []), context).toBe(expected(node, (value) => kept(value, keep)));
  }
});

it('of remove leaves exactly what is not listed', async () => {
  const random = createRandom('remove');
  for (let round = 0; round < ROUNDS; round += 1) {
    const { node, text } = randomJson(random);
    const remove = randomPaths(random);
    const context = `${JSON.stringify(remove)} of ${text}`;
    expect(await filtered(text, undefined, remove), context).toBe(expected(node, (value) => rest(value, remove)));
  }
});

it('of both leaves what is listed in the one and not in the other', async () => {
  const random = createRandom('both');
  const both = (value: JsonNode, keep: Segment[][], remove: Segment[][]): JsonNode | undefined => {
    if (remove.some((path) => path.length === 0)) return undefined;
    if (keep.some((path) => path.length === 0)) return rest(value, remove);
    const other = value.kind === 'object' ? 'index' : 'name';
    if (value.kind === 'scalar' || !keep.some(([head]) => head?.kind !== other)) return undefined;
    if (value.kind === 'array') {
      const elements = value.elements.flatMap((element, i) => both(element, below(keep, i), below(remove, i)) ?? []);
      return { kind: 'array', elements };
    }
    const members = value.members.flatMap((member) => {
      const part = both(member.value, below(keep, member.key), below(remove, member.key));
      return part === undefined ? [] : [{ ...member, value: part }];
    });
    return { kind: 'object', members };
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const { node, text } = randomJson(random);
    const [keep, remove] = [randomPaths(random, 0), randomPaths(random)];
    const context = `${JSON.stringify({ keep, remove })} of ${text}`;
    expect(await filtered(text, keep, remove), context).toBe(expected(node, (value) => both(value, keep, remove)));
  }
});

it('of a collection leaves its elements so, and nothing beside it but where the page lies', async () => {
  const random = createRandom('collection');
  for (let round = 0; round < ROUNDS / 4; round += 1) {
    const space = spaces(random);
    const elements = Array.from({ length: random.int(0, 3) }, () => randomJson(random, 3).node);
    const keep = randomPaths(random);
    const members: [string, JsonNode][] = [
      ['id', { kind: 'scalar', text: '"secret"' }],
      ['total', { kind: 'scalar', text: '12.0' }],
      ['entities', { kind: 'array', elements }],
      ['other', randomJson(random, 2).node],
      ['nextUri', { kind: 'scalar', text: '"/a\\/b"' }],
    ];
    const start = random.int(0, members.length - 1);
    const order = [...members.slice(start), ...members.slice(0, start)];
    const object = (list: [string, JsonNode][]): JsonNode => ({
      kind: 'object',
      members: list.map(([key, value]) => ({ key, keyText: JSON.stringify(key), value })),
    });
    const left = order.flatMap(([key, value]): [string, JsonNode][] => {
      if (key === 'total' || key === 'nextUri') return [[key, value]];
      if (key !== 'entities') return [];
      return [[key, { kind: 'array', elements: elements.flatMap((element) => kept(element, keep) ?? []) }]];
    });
    const text = write(object(order), space);
    expect(await filtered(text, keep, []), `${JSON.stringify(keep)} of ${text}`).toBe(write(object(left)));
  }
});
