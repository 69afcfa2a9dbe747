/** Random JSON documents, as a tree that knows how each part is written, for tests of what reads JSON. Seeded. */
import type { Random } from '../../kong/testbed/genesys-cloud/data/random.js';

/** A value as it is written. */
export type JsonNode =
  | { kind: 'scalar'; text: string }
  | { kind: 'array'; elements: JsonNode[] }
  | { kind: 'object'; members: { key: string; keyText: string; value: JsonNode }[] };

export interface RandomJson {
  node: JsonNode;
  /** With white space here and there. */
  text: string;
}

/** Few, so that paths meet them; some that could do harm. */
export const KEYS = [
  'id',
  'name',
  'email',
  'a',
  'b',
  'a.b',
  'c d',
  'ü',
  '__proto__',
  'constructor',
  '',
  'q"\\/',
] as const;

const SCALARS = [
  ...['0', '-0', '1', '-12.50', '1e5', '1E-07', '12345678901234567890', '0.1000000000000000055511151231257827'],
  ...['true', 'false', 'null', '""', '"text"', '"a\\"b\\\\"', '"\\u00e4\\ud83c"', '"ä🎉"', '"\\/\\b\\n"', '"}],{"'],
  ...['"a text that is longer than a machine word, and than the next one too"', '"\\u0022quoted\\u0022"', '"é\\té"'],
] as const;

/** @param depth how deep it may nest */
export function randomNode(random: Random, depth: number): JsonNode {
  const kind = depth === 0 ? 0 : random.int(0, 3);
  if (kind <= 1) return { kind: 'scalar', text: random.pick(SCALARS as unknown as [string, ...string[]]) };
  const count = random.int(0, 4);
  if (kind === 2)
    return { kind: 'array', elements: Array.from({ length: count }, () => randomNode(random, depth - 1)) };
  const members = Array.from({ length: count }, () => {
    const key = random.pick(KEYS);
    return { key, keyText: writeKey(random, key), value: randomNode(random, depth - 1) };
  });
  return { kind: 'object', members };
}

export function randomJson(random: Random, depth = 4): RandomJson {
  const node = randomNode(random, depth);
  return { node, text: write(node, spaces(random)) };
}

/** @param space white space to put between tokens */
export function write(node: JsonNode, space: () => string = () => ''): string {
  const around = (text: string): string => space() + text + space();
  if (node.kind === 'scalar') return around(node.text);
  if (node.kind === 'array')
    return around(`[${node.elements.map((element) => write(element, space)).join(',') || space()}]`);
  const members = node.members.map(({ keyText, value }) => `${around(keyText)}:${write(value, space)}`);
  return around(`{${members.join(',') || space()}}`);
}

/** Without the white space between tokens, everything else as it is. */
export function compact(text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/gs, (_, string: string | undefined) => string ?? '');
}

/** White space, in half of the documents. */
export function spaces(random: Random): () => string {
  if (random.int(0, 1) === 0) return () => '';
  return () => (random.int(0, 3) === 0 ? random.pick([' ', '\n', '\t ', '\r\n    ']) : '');
}

/** In one of eight with an escape that it does not need. */
function writeKey(random: Random, key: string): string {
  const text = JSON.stringify(key);
  if (random.int(0, 7) > 0 || !/^"[a-z]/.test(text)) return text;
  return `"\\u${key.charCodeAt(0).toString(16).padStart(4, '0')}${text.slice(2)}`;
}
