/** decK's patches (`deck file patch`) as far as this repository's overlays need them, for tests where there is no decK. */
import { readFileSync } from 'node:fs';
import { JSONPath } from 'jsonpath-plus';
import { parse } from 'yaml';

interface Patch {
  /** JSONPath of objects or lists. */
  selectors: readonly string[];
  /** Fields that are set in objects, or items that are added to lists. */
  values?: object | readonly unknown[];
  /** Fields that are taken away, before others are set. */
  remove?: readonly string[];
}

/**
 * Applies a file of patches to a state, in place.
 * @throws Error if a selector finds nothing, which decK passes over: the overlay no longer fits the state
 */
export function applyDeckPatches(state: object, file: string): void {
  for (const { selectors, values = {}, remove = [] } of (parse(readFileSync(file, 'utf8')) as { patches: Patch[] })
    .patches) {
    for (const path of selectors) {
      // Entities that YAML's aliases repeat are one object here.
      const found = new Set(JSONPath({ path, json: state, wrap: true, eval: 'safe' }) as object[]);
      if (found.size === 0) throw new Error(`${file}: ${path} finds nothing`);
      for (const target of found) {
        if (Array.isArray(target)) target.push(...structuredClone(values as unknown[]));
        else {
          for (const field of remove) delete (target as Record<string, unknown>)[field];
          Object.assign(target, structuredClone(values));
        }
      }
    }
  }
}
