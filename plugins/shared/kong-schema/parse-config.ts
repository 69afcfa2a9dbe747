/**
 * Parses the configuration that Kong sends to a plugin. The plugin's own schema is the one source of field names,
 * defaults, limits and, through `ConfigOf`, of the TypeScript type. Kong has already checked the configuration, but
 * before it resolved references. kong-pdk's server and check-config have not checked it at all. Pure.
 */
import { isPlainObject } from '../plain-object.js';
import { readField } from './check.js';
import { ConfigError } from './config-error.js';
import type { Fields } from './field.js';
import type { Reading } from './problem.js';

type KeysOfUnion<T> = T extends unknown ? keyof T : never;

type FieldNamed<S extends Fields, N extends PropertyKey> = Extract<S[number], { readonly [K in N]: unknown }>[N];

type Simplify<T> = { [K in keyof T]: T[K] };

/** The type of a field that has a value. */
type ValueOf<F> = F extends { readonly one_of: readonly (infer O)[] }
  ? O
  : F extends { readonly type: 'string' }
    ? string
    : F extends { readonly type: 'number' | 'integer' }
      ? number
      : F extends { readonly type: 'boolean' }
        ? boolean
        : F extends { readonly type: 'array' | 'set'; readonly elements: infer E }
          ? ValueOf<E>[]
          : F extends { readonly type: 'map'; readonly values: infer V }
            ? Record<string, ValueOf<V>>
            : F extends { readonly type: 'record'; readonly fields: infer R extends Fields }
              ? ConfigOf<R>
              : unknown;

/** A field without a default may be undefined, unless it is required. A record is there, unless it is optional. */
type FieldValue<F> = F extends { readonly required: true } | { readonly default: unknown }
  ? ValueOf<F>
  : F extends { readonly type: 'record'; readonly required?: never }
    ? ValueOf<F>
    : ValueOf<F> | undefined;

/** The type of a parsed configuration, from a schema written `as const satisfies Fields`. */
export type ConfigOf<S extends Fields> = Simplify<{
  -readonly [N in KeysOfUnion<S[number]> & string]: FieldValue<FieldNamed<S, N>>;
}>;

/**
 * Parses a configuration: fills in defaults, and checks everything that the schema says.
 *
 * Ignores other keys, since Kong adds its own (`__seq__`, `__plugin_id`, `$refs`, `service_id`, ...).
 * @param raw the configuration, decoded from JSON. Kong writes an absent value as null, and Lua's empty table as `{}`,
 *   for a list as well as for a map
 * @param entityChecks rules over several fields
 * @throws ConfigError for the first fault
 */
export function parseConfig<const S extends Fields>(
  fields: S,
  raw: unknown,
  entityChecks: readonly unknown[] = [],
): ConfigOf<S> {
  if (!isPlainObject(raw)) throw new ConfigError('', 'must be an object');
  const reading: Reading = { from: 'kong', problems: [] };
  const config = readField({ type: 'record', fields, entity_checks: entityChecks }, raw, '', reading);
  const [fault] = reading.problems;
  if (fault !== undefined) throw new ConfigError(fault.path, fault.message);
  return config as ConfigOf<S>;
}
