/**
 * decK's patches (`deck file patch`), applied to a YAML document whose comments and anchors stay: what differs in a stage is
 * written once, for decK and for `kong-genesys-cloud render`. Pure.
 */
import { JSONPath } from 'jsonpath-plus';
import { type Document, isAlias, isMap, isSeq, parse } from 'yaml';
import { keyOf } from '../combine/yaml.js';

interface Patch {
  /** JSONPath of objects or lists. */
  selectors: readonly string[];
  /** Fields that are set in objects, or items that are added to lists. */
  values?: object | readonly unknown[];
  /** Fields that are taken away, before others are set. */
  remove?: readonly string[];
}

/**
 * Applies a file of patches.
 * @param name the file's name, for errors
 * @throws Error if a selector finds nothing, which decK passes over, or a field cannot be removed: the patch does not fit
 */
export function applyPatches(document: Document, text: string, name: string): void {
  for (const { selectors, values = {}, remove = [] } of (parse(text) as { patches: Patch[] }).patches) {
    for (const path of selectors) {
      const json = document.toJS() as object;
      const found = JSONPath({ path, json, wrap: true, eval: 'safe', resultType: 'path' }) as string[];
      // Entities that aliases repeat are one node.
      const nodes = new Set(found.map((one) => nodeAt(document, JSONPath.toPathArray(one).slice(1))));
      if (nodes.size === 0) throw new Error(`${name}: ${path} finds nothing`);
      for (const node of nodes) {
        if (isSeq(node)) for (const value of values as unknown[]) node.items.push(document.createNode(value));
        if (!isMap(node)) continue;
        for (const field of remove) {
          node.delete(field);
          if (childOf(document, node, field) !== undefined)
            throw new Error(`${name}: ${path} has ${field} from a merge key: give it another value instead`);
        }
        for (const [field, value] of Object.entries(values)) node.set(field, document.createNode(value));
      }
    }
  }
}

/** Returns the node at a path, through aliases and merge keys. */
function nodeAt(document: Document, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, step) => childOf(document, node, step), document.contents);
}

function childOf(document: Document, parent: unknown, step: string): unknown {
  const node = resolved(document, parent);
  if (isSeq(node)) return resolved(document, node.items[Number(step)]);
  if (!isMap(node)) return undefined;
  const keys = (key: string) => node.items.filter((pair) => keyOf(pair) === key);
  const [own] = keys(step);
  if (own !== undefined) return resolved(document, own.value);
  return keys('<<')
    .map(({ value }) => childOf(document, value, step))
    .find((found) => found !== undefined);
}

function resolved(document: Document, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}
