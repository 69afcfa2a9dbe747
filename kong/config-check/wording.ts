/** How a fault that Kong's schema finds is told: without the value, and with the field that was meant. Pure. */
import { eachField, type Fields } from '../../plugins/shared/kong-schema/field.js';
import type { Problem } from '../../plugins/shared/kong-schema/problem.js';
import { parsePath } from './position.js';
import { didYouMean } from './suggest.js';

/** Fields of a plugin's entry that the local gateway does not have: scopes, Enterprise's, decK's. */
export const FURTHER_PLUGIN_FIELDS = [
  'consumer_group',
  'ordering',
  'condition',
  'partials',
  '_config',
  '_comment',
  '_ignore',
];

/** What any entity may have: remarks. */
export const NOTES = ['_comment', '_ignore'];

/** Returns a problem's message, without a value that may be a secret, and with the field that was meant. */
export function wording({ path, message }: Problem, fields: Fields, further: readonly string[] = []): string {
  if (message !== 'unknown field') return message.replace(/^invalid value: .*$/s, 'invalid value');
  const steps = parsePath(path);
  const last = steps.pop();
  const siblings = steps.reduce<Fields>((at, step) => within(at, step), fields);
  return `${message}${didYouMean(String(last), [...eachField(siblings).map(([name]) => name), ...further])}`;
}

function within(fields: Fields, step: string | number): Fields {
  // An index leads to what its list's field has already given.
  if (typeof step === 'number') return fields;
  const field = eachField(fields).find(([name]) => name === step)?.[1];
  return field?.fields ?? field?.elements?.fields ?? field?.values?.fields ?? [];
}

/** Returns a value by its path. */
export function valueAt(value: unknown, path: string): unknown {
  return parsePath(path).reduce<unknown>(
    (at, step) => (typeof at === 'object' && at !== null ? Reflect.get(at, step) : undefined),
    value,
  );
}
