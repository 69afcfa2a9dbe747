/**
 * Reads the configuration that Kong hands to a plugin, by the plugin's own schema: the schema is the one source of field
 * names, defaults, limits and, through `ConfigOf`, of the TypeScript type. Kong has checked it already, but not with the
 * values that it puts in the place of references; kong-pdk's server and the offline check have not. Pure.
 */
import { isPlainObject } from '../plain-object.js';
import { readField } from './check.js';
import { ConfigError } from './config-error.js';
import type { Fields } from './field.js';
import type { Reading } from './problem.js';

type KeysOfUnion<T> = T extends unknown ? keyof T : never;

type FieldNamed<S extends Fields, N extends PropertyKey> = Extract<S[number], { readonly [K in N]: unknown }>[N];

type Simplify<T> = { [K in keyof T]: T[K] };

/** The value of one field, once it is there. */
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

/** A field without a default that need not be there is undefined if it is not. A record is there unless it need not be. */
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
 * Parses a configuration: fills in defaults, and checks all that the schema says.
 *
 * Keys that the schema does not name are ignored, since Kong adds its own (`__seq__`, `__plugin_id`, `$refs`,
 * `service_id`, ...).
 * @param raw the configuration as decoded from JSON; Kong writes an absent value as null, and Lua's empty table as `{}`
 *   whether it means a list or a map
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
