/** All checks of a declarative configuration that need no gateway. */

import { type Document, type Fault, faultOf, listEntities } from './entities.js';
import { checkPairing } from './login-pairing.js';
import { checkPlugin } from './plugin-check.js';
import { RULES, WARNINGS } from './rules.js';
import { suitePlugin } from './suite.js';

export interface CheckOptions {
  /** Names given by `--name`, and the plugin that has them. */
  variants: ReadonlyMap<string, string>;
  /** Whose secrets may stand here; undefined: any. */
  stage: string | undefined;
  /** Rules that are not looked at. */
  skipRules: ReadonlySet<string>;
}

export interface CheckResult {
  faults: Fault[];
  /** What works, and is better otherwise. */
  warnings: Fault[];
  /** How many configurations of our plugins there are. */
  plugins: number;
}

/** Checks documents together, as decK merges them. */
export function checkDocuments(documents: readonly Document[], options: CheckOptions): CheckResult {
  const entities = listEntities(documents);
  let plugins = 0;
  const faults = entities.flatMap((entity) => {
    if (entity.kind !== 'plugins') return [];
    const name = String(entity.value.name);
    const plugin = suitePlugin(name, options.variants);
    if (plugin === 'foreign') return [];
    if (plugin === 'unknown') return [faultOf(entity, 'name', 'is no plugin of this suite')];
    plugins += 1;
    return checkPlugin(plugin, entity.value).map(({ path, message }) => faultOf(entity, path, message));
  });
  for (const { file, value } of documents) {
    faults.push(...checkPairing(value).map((fault) => ({ file, ...fault })));
  }
  const context = { entities, stage: options.stage };
  const apply = (rules: typeof RULES): Fault[] =>
    Object.entries(rules).flatMap(([name, rule]) => (options.skipRules.has(name) ? [] : rule(context)));
  faults.push(...apply(RULES));
  return { faults, warnings: apply(WARNINGS), plugins };
}
