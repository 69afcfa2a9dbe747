/** All checks of a declarative configuration that need no gateway. */

import { ADVICE } from './advice.js';
import { type Document, type Entity, type Fault, faultOf, listEntities } from './entities.js';
import { checkEntities } from './entity-check.js';
import { BUNDLED, ENTITY_FIELDS, KNOWN_PLUGINS } from './kong-entities.js';
import { checkPairing } from './login-pairing.js';
import { refusedByNewer } from './newer-kong.js';
import { checkPlugin } from './plugin-check.js';
import { parsePath } from './position.js';
import { RULES, type Rule, WARNINGS } from './rules.js';
import { didYouMean } from './suggest.js';
import { SUITE, suitePlugin } from './suite.js';

export interface CheckOptions {
  /** Names given by `--name`, and the plugin that has them. */
  variants: ReadonlyMap<string, string>;
  /** Whose secrets may stand here; undefined: any. */
  stage: string | undefined;
  /** Rules that are not looked at. */
  skipRules: ReadonlySet<string>;
  /** The numbers of the version of the Kong that is meant; undefined: 3.9. */
  kong?: readonly number[] | undefined;
}

export interface CheckResult {
  faults: Fault[];
  /** What works, and is better otherwise. */
  warnings: Fault[];
  /** How many configurations of our plugins there are. */
  plugins: number;
  /** Plugins and kinds of which only the names are known. */
  namesOnly: string[];
}

/** The names of all rules that can be skipped. */
export const RULE_NAMES: readonly string[] = [
  ...Object.keys({ ...RULES, ...WARNINGS, ...ADVICE }),
  'old-version',
  'repeated-key',
];

/** Checks documents together, as decK merges them. */
export function checkDocuments(documents: readonly Document[], options: CheckOptions): CheckResult {
  const entities = listEntities(documents);
  let plugins = 0;
  const faults = entities.flatMap((entity) => {
    const { name } = entity.value;
    if (entity.kind !== 'plugins' || typeof name !== 'string') return [];
    const plugin = suitePlugin(name, options.variants);
    if (plugin === 'foreign') return misspelt(entity, name, options);
    if (plugin === 'unknown') {
      const names = SUITE.map((one) => one.name);
      return [faultOf(entity, 'name', `is no plugin of this suite${didYouMean(name, names)}`)];
    }
    plugins += 1;
    return checkPlugin(plugin, entity.value).map(({ path, message }) => faultOf(entity, path, message));
  });
  faults.push(...checkEntities(documents, entities), ...refusedByNewer(entities, options.kong));
  for (const { file, value } of documents) {
    faults.push(...checkPairing(value).map((fault) => ({ file, at: atOf(fault.path, entities), ...fault })));
  }
  const { stage, variants, kong } = options;
  const context = { entities, documents, stage, variants, kong };
  const apply = (rules: Readonly<Record<string, Rule>>): Fault[] =>
    Object.entries(rules).flatMap(([name, rule]) =>
      options.skipRules.has(name) ? [] : rule(context).map((fault) => ({ ...fault, rule: name })),
    );
  faults.push(...apply(RULES));
  return { faults, warnings: apply({ ...WARNINGS, ...ADVICE }), plugins, namesOnly: namesOnly(entities, options) };
}

function namesOnly(entities: readonly Entity[], { variants }: CheckOptions): string[] {
  const names = entities.flatMap(({ kind, value: { name } }) => {
    if (kind !== 'plugins') return ENTITY_FIELDS[kind] === undefined ? [kind] : [];
    const text = String(name);
    return BUNDLED.has(text) || suitePlugin(text, variants) !== 'foreign' ? [] : [text];
  });
  return [...new Set(names)].sort();
}

/** Kong refuses a plugin that it does not have. One that is nearly Kong's is not somebody's own. */
function misspelt(entity: Entity, name: string, { variants }: CheckOptions): Fault[] {
  if (KNOWN_PLUGINS.has(name) || variants.has(name)) return [];
  const meant = didYouMean(name, KNOWN_PLUGINS);
  return meant === '' ? [] : [faultOf(entity, 'name', `is no plugin of Kong's${meant}`)];
}

/** Returns the path in the data of a path in words. */
function atOf(path: string, entities: readonly Entity[]): Fault['at'] {
  const [entity] = entities
    .filter((one) => path === one.path || path.startsWith(`${one.path}.`))
    .sort((a, b) => b.path.length - a.path.length);
  return entity === undefined ? [] : [...entity.at, ...parsePath(path.slice(entity.path.length + 1))];
}
