/**
 * Checks one configuration of one of our plugins as the gateway would: first Kong's schema, then, if nothing is wrong by
 * that, what the plugin refuses when an instance starts. Pure, but for what `readConfig` does.
 */

import type { Host } from '../../plugins/shared/host.js';
import { readField } from '../../plugins/shared/kong-schema/check.js';
import { ConfigError } from '../../plugins/shared/kong-schema/config-error.js';
import { eachField, type Fields } from '../../plugins/shared/kong-schema/field.js';
import type { Problem, Reading } from '../../plugins/shared/kong-schema/problem.js';
import { isPlainObject, type PlainObject } from '../../plugins/shared/plain-object.js';
import { expandReferences } from '../local-gateway/config/document.js';
import { PLUGIN } from '../local-gateway/config/entities.js';
import { substitute } from './placeholders.js';
import { parsePath } from './position.js';
import { isDeckVariable } from './references.js';
import type { SuitePlugin } from './suite.js';
import { FURTHER_PLUGIN_FIELDS, valueAt, wording } from './wording.js';

/** What a plugin server's command line allows is not known here. `file:` secrets have stand-ins. */
const ANY_HOST: Host = { secretsDirs: [], logDirs: undefined, stdoutPath: '/proc/1/fd/1' };
/** So many faults of one list are looked for; the rest shows once these are mended. */
const MAX_FAULTS = 20;

/**
 * Finds what is wrong with a plugin entity.
 * @param entity without `_config`, whose fields stand in `config` already
 */
export function checkPlugin(plugin: SuitePlugin, entity: PlainObject): Problem[] {
  const { config: written, ...rest } = entity;
  if (written !== undefined && written !== null && !isPlainObject(written)) {
    return [{ path: 'config', message: 'expected a record' }];
  }
  const config = written ?? {};
  const problems: Problem[] = [];
  const reading: Reading = { from: 'operator', problems };
  const own = new Map(eachField(plugin.fields));
  const known = new Map([...eachField(PLUGIN), ...own]);
  for (const [key, value] of Object.entries(expandReferences(rest))) {
    const field = known.get(key);
    if (field !== undefined) readField(field, value, key, reading);
    else if (key !== 'config' && !FURTHER_PLUGIN_FIELDS.includes(key))
      problems.push({ path: key, message: 'unknown field' });
  }
  const configField = own.get('config') ?? { type: 'record', fields: [] };
  readField({ ...configField, required: true }, config, 'config', reading);

  const fields = configField.fields ?? [];
  for (const { path, message } of substitute(fields, config).problems) {
    problems.push({ path: `config.${path}`, message });
  }
  // What decK fills in may have any type, and Kong sees only what it has become.
  const certain = problems.filter(({ path }) => !isDeckVariable(String(valueAt(entity, path))));
  const all = [...eachField(PLUGIN), ...own].map(([name, field]) => ({ [name]: field }));
  if (certain.length > 0) return certain.map((problem) => ({ ...problem, message: wording(problem, all) }));
  return refusals(plugin, fields, config);
}

/**
 * All that a plugin refuses. It names one fault only, so what is at fault is left out, or another stand-in is tried, and it
 * is asked again.
 */
function refusals(plugin: SuitePlugin, fields: Fields, written: PlainObject): Problem[] {
  const problems: Problem[] = [];
  const choices = new Map<string, number>();
  /** Elements of lists of `config` that are left out, by their index as written. */
  const leftOut = new Map<string, Set<number>>();
  while (problems.length < MAX_FAULTS) {
    const { config, standIns } = substitute(fields, written, choices);
    const refusal = refusalOf(plugin, withoutElements(config, leftOut));
    if (refusal === undefined) break;
    const path = pathAsWritten(refusal.path, leftOut);
    const standIn = standIns.get(path);
    const choice = (standIn && choices.get(standIn.reference)) ?? 0;
    if (standIn !== undefined && choice + 1 < standIn.candidates) {
      choices.set(standIn.reference, choice + 1);
      continue;
    }
    problems.push({ path: path === '' ? 'config' : `config.${path}`, message: refusal.message });
    const [list, index] = parsePath(path);
    if (typeof list !== 'string' || typeof index !== 'number') break;
    leftOut.set(list, new Set([...(leftOut.get(list) ?? []), index]));
    const elements = written[list];
    // Without any, the plugin would only say that some are needed.
    if (!Array.isArray(elements) || leftOut.get(list)?.size === elements.length) break;
  }
  return problems;
}

function withoutElements(config: PlainObject, leftOut: ReadonlyMap<string, ReadonlySet<number>>): PlainObject {
  const lists = [...leftOut].map(([list, indices]) => {
    const elements = config[list];
    return [list, Array.isArray(elements) ? elements.filter((_, index) => !indices.has(index)) : elements];
  });
  return { ...config, ...Object.fromEntries(lists) };
}

/** Where an element of a list stood before others were left out. */
function pathAsWritten(path: string, leftOut: ReadonlyMap<string, ReadonlySet<number>>): string {
  return path.replace(/^(\w+)\[(\d+)\]/, (_, list: string, text: string) => {
    let index = Number(text);
    for (const gone of [...(leftOut.get(list) ?? [])].sort((a, b) => a - b)) if (gone <= index) index += 1;
    return `${list}[${index}]`;
  });
}

function refusalOf(plugin: SuitePlugin, config: unknown): Problem | undefined {
  try {
    plugin.readConfig(config, ANY_HOST);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return { path: error.path, message: error.problem };
    throw error;
  }
}
