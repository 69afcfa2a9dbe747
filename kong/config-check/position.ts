/** Where in a file of YAML or JSON something is, by its path in the data. Pure. */
import { type Document, isAlias, isMap, isNode, isSeq, type LineCounter, type Node } from 'yaml';
import { keyOf } from '../install/combine/yaml.js';

/** A path in the data: keys and indices. */
export type DataPath = readonly (string | number)[];

/** A file as it was parsed. */
export interface Source {
  document: Document;
  lines: LineCounter;
}

export interface Position {
  /** From 1 on. */
  line: number;
  column: number;
}

/**
 * Returns where the value at a path is, or the innermost part of the path that is there. Follows aliases to their anchors.
 * @returns `usedAt` is the line of the first alias on the way
 */
export function positionOf(
  { document, lines }: Source,
  path: DataPath,
): (Position & { usedAt: number | undefined }) | undefined {
  let node: unknown = document.contents;
  let offset = offsetOf(node);
  let usedAt: number | undefined;
  for (const step of path) {
    if (isAlias(node) && offset !== undefined) usedAt ??= lines.linePos(offset).line;
    const inner = stepInto(document, node, step);
    if (inner === undefined) break;
    if (inner.mergedBy !== undefined) usedAt ??= lines.linePos(inner.mergedBy).line;
    ({ node, offset = offset } = inner);
  }
  if (isAlias(node) && offset !== undefined) {
    usedAt ??= lines.linePos(offset).line;
    offset = offsetOf(node.resolve(document));
  }
  if (offset === undefined) return undefined;
  const { line, col } = lines.linePos(offset);
  return { line, column: col, usedAt };
}

interface Found {
  node: unknown;
  /** Of the key, or of the item in a list. */
  offset: number | undefined;
  /** Of the alias by which a map merges it. */
  mergedBy?: number | undefined;
}

function stepInto(document: Document, parent: unknown, step: string | number): Found | undefined {
  const node = isAlias(parent) ? parent.resolve(document) : parent;
  if (isSeq(node)) {
    const item = node.items[Number(step)];
    return item === undefined ? undefined : { node: item, offset: offsetOf(item) };
  }
  if (!isMap(node)) return undefined;
  const own = node.items.find((pair) => keyOf(pair) === step);
  if (own !== undefined) return { node: own.value, offset: offsetOf(own.key) };
  for (const { value } of node.items.filter((pair) => keyOf(pair) === '<<')) {
    const found = stepInto(document, value, step);
    if (found !== undefined) return { ...found, mergedBy: isAlias(value) ? offsetOf(value) : found.mergedBy };
  }
  return undefined;
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? (node as Node).range?.[0] : undefined;
}

/** The keys and indices of a path such as `limits[1].by_name`. */
export function parsePath(path: string): (string | number)[] {
  if (path === '') return [];
  return path
    .split('.')
    .flatMap((part) => part.split(/(?=\[\d+\])/))
    .map((step) => (/^\[\d+\]$/.test(step) ? Number(step.slice(1, -1)) : step));
}
