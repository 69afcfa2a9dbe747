/** Kong's schema language, as far as JSON can carry it: a plugin server's dump holds no Lua functions. */

/** The attributes of a field. https://developer.konghq.com/custom-plugins/schema.lua/ */
export interface Field {
  type: 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'set' | 'map' | 'record';
  description?: string;
  /** Of a record: true unless it says false. */
  required?: boolean;
  default?: unknown;
  eq?: unknown;
  one_of?: readonly (string | number)[];
  not_one_of?: readonly unknown[];
  between?: readonly [number, number];
  gt?: number;
  len_eq?: number;
  /** Of a string: 1 unless it says otherwise. */
  len_min?: number;
  len_max?: number;
  /** A Lua pattern. */
  match?: string;
  match_none?: readonly { pattern: string; err: string }[];
  starts_with?: string;
  uuid?: boolean;
  /** The end of a sentence about a value that is refused, instead of Kong's own words. */
  err?: string;
  referenceable?: boolean;
  encrypted?: boolean;
  elements?: Field;
  keys?: Field;
  values?: Field;
  fields?: Fields;
  entity_checks?: readonly unknown[];
}

/** Fields in their order, each a record of its one name. */
export type Fields = readonly Readonly<Record<string, Field>>[];

/** Lists the names and attributes of fields. */
export function eachField(fields: Fields): [string, Field][] {
  return fields.flatMap((field) => Object.entries(field));
}
