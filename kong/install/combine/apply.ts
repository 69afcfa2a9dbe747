/** Applies a plan to a configuration that is data, as a program has it. Pure. */
import { isPlainObject, type PlainObject } from '../../../plugins/shared/plain-object.js';
import type { Path } from './places.js';
import { type Plan, planCombinations } from './plan.js';

/** Returns a copy of a declarative configuration with all entries combined that can be. */
export function combineConfig<T extends PlainObject>(config: T): T {
  return combineByPlan(config, planCombinations(config));
}

/** Returns a copy of a configuration, combined by its plan. */
export function combineByPlan<T extends PlainObject>(config: T, { combinations }: Plan): T {
  const copy = JSON.parse(JSON.stringify(config)) as T;
  const gone: Path[] = [];
  for (const { name, members, fields } of combinations) {
    const records = members.map(({ record, path }) => [record, recordAt(copy, path).config] as const);
    const [first, ...others] = members.map(({ path }) => path).sort(compare);
    if (first === undefined) continue;
    listOf(copy, first)[Number(first.at(-1))] = { name, ...fields, config: Object.fromEntries(records) };
    gone.push(...others);
  }
  // From the last on, so that no index changes before it is used.
  for (const path of gone.sort(compare).reverse()) listOf(copy, path).splice(Number(path.at(-1)), 1);
  return copy;
}

/** Orders paths as in the file. */
export function compare(a: Path, b: Path): number {
  const index = a.findIndex((step, at) => step !== b[at]);
  const [x = '', y = ''] = [a[index], b[index]];
  return typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y));
}

function listOf(config: PlainObject, path: Path): unknown[] {
  const list = at(config, path.slice(0, -1));
  if (!Array.isArray(list)) throw new Error('there is no such list');
  return list;
}

function recordAt(config: PlainObject, path: Path): PlainObject {
  const record = at(config, path);
  if (!isPlainObject(record)) throw new Error('there is no such entry');
  return record;
}

function at(config: PlainObject, path: Path): unknown {
  return path.reduce<unknown>((value, step) => Reflect.get(Object(value), step), config);
}
