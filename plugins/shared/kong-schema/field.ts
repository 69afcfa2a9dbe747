/** Kong's schema language, as far as JSON can express it. A plugin server's dump contains no Lua functions. */

/** The attributes of a field. https://developer.konghq.com/custom-plugins/schema.lua/ */
export interface Field {
  type: 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'set' | 'map' | 'record';
  description?: string;
  /** True by default for a record. */
  required?: boolean;
  default?: unknown;
  eq?: unknown;
  one_of?: readonly (string | number)[];
  not_one_of?: readonly unknown[];
  between?: readonly [number, number];
  gt?: number;
  len_eq?: number;
  /** 1 by default for a string. */
  len_min?: number;
  len_max?: number;
  /** A Lua pattern. */
  match?: string;
  match_none?: readonly { pattern: string; err: string }[];
  starts_with?: string;
  uuid?: boolean;
  /** Replaces Kong's own words about a refused value. The end of a sentence. */
  err?: string;
  referenceable?: boolean;
  encrypted?: boolean;
  elements?: Field;
  keys?: Field;
  values?: Field;
  fields?: Fields;
  entity_checks?: readonly unknown[];
}

/** Fields in order. Each is an object with one key, its name. */
export type Fields = readonly Readonly<Record<string, Field>>[];

/** Lists the names and attributes of fields. */
export function eachField(fields: Fields): [string, Field][] {
  return fields.flatMap((field) => Object.entries(field));
}
