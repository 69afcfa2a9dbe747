/** The reference of a plugin's configuration as a table of Markdown, from the schema that Kong itself gets. Pure. */
import { eachField, type Field, type Fields } from '../../plugins/shared/kong-schema/field.js';
import { row, table } from './table.js';

/** A field of a configuration, wherever it is nested. */
export interface NamedField {
  /** Such as `limits[].by_name`. */
  path: string;
  field: Field;
}

/** Longer lists of values are told once, and longer defaults only by their number. */
const LONG_LIST = 8;

/**
 * Lists the fields of a schema, each before those in it.
 * @param isShared records that are told elsewhere: their fields are left out
 */
export function listFields(fields: Fields, isShared: (fields: Fields) => boolean = () => false): NamedField[] {
  const within = (inner: Fields, prefix: string): NamedField[] =>
    eachField(inner).flatMap(([name, field]) => {
      const path = `${prefix}${name}`;
      const nested = field.fields ?? field.elements?.fields;
      if (nested === undefined || isShared(nested)) return [{ path, field }];
      return [{ path, field }, ...within(nested, field.fields === undefined ? `${path}[].` : `${path}.`)];
    });
  return within(fields, '');
}

/**
 * Writes the table of a schema, and what Kong asks of several fields together.
 * @param config the record whose fields they are
 * @param sharedPage the page that tells a record that several plugins have, relative to this one; undefined: no other does
 */
export function renderFields(config: Field, sharedPage: (fields: Fields) => string | undefined): string {
  const fields = listFields(config.fields ?? [], (inner) => sharedPage(inner) !== undefined);
  const told = new Map<unknown, string>();
  const rows = fields.map(({ path, field }) => {
    const page = field.fields && sharedPage(field.fields);
    const more = page === undefined ? '' : ` Its fields: [${page.replace(/^.*\//, '')}](${page}).`;
    return row([code(path), typeOf(field, path, told), defaultOf(field), `${field.description ?? ''}${more}`]);
  });
  const checks = [
    ...checksOf(config, ''),
    ...fields.flatMap(({ path, field }) => [
      ...checksOf(field, `${path}.`),
      ...(field.elements === undefined ? [] : checksOf(field.elements, `${path}[].`)),
    ]),
  ];
  const list = checks.length === 0 ? '' : `\n\nRules over several fields, which Kong checks:\n\n${checks.join('\n')}`;
  return `${table(['field', 'type', 'default', 'meaning'], rows)}${list}`;
}

/** @param told where a long list of values was told already */
function typeOf(field: Field, path: string, told: Map<unknown, string>): string {
  const parts = [kindOf(field)];
  const values = field.one_of ?? field.elements?.one_of;
  if (values !== undefined) {
    const before = values.length > LONG_LIST ? told.get(values) : undefined;
    told.set(values, path);
    parts[0] += before === undefined ? `: ${values.map(code).join(', ')}` : ` as ${code(before)}`;
  }
  const { between = field.elements?.between, gt, len_min, len_max } = field;
  if (between !== undefined) parts.push(between.join(' to '));
  if (gt !== undefined) parts.push(`above ${gt}`);
  const unit = field.type === 'string' ? 'characters' : 'elements';
  if (len_max !== undefined) parts.push(`${len_min === undefined ? 'at most' : `${len_min} to`} ${len_max} ${unit}`);
  else if (len_min !== undefined) parts.push(len_min === 1 ? 'not empty' : `at least ${len_min} ${unit}`);
  const { match, starts_with } = field.elements ?? field;
  if (match !== undefined) parts.push(`matches ${code(match)} (Lua)`);
  if (starts_with !== undefined) parts.push(`begins with ${code(starts_with)}`);
  const { referenceable, encrypted } = field.values ?? field;
  if (referenceable === true) parts.push('referenceable');
  if (encrypted === true) parts.push('encrypted');
  return parts.join(', ');
}

function kindOf({ type, elements, keys, values }: Field): string {
  if (elements !== undefined) return `${type} of ${elements.type}`;
  return keys !== undefined && values !== undefined ? `${type} of ${keys.type} to ${values.type}` : type;
}

function defaultOf({ required, default: value }: Field): string {
  if (value === undefined) return required === true ? 'required' : '';
  if (!Array.isArray(value)) return code(value);
  return value.length > LONG_LIST ? `${value.length} values` : code(`[${value.join(', ')}]`);
}

function code(value: unknown): string {
  return `\`${value}\``;
}

/** What is asked of the fields of a record together, one line a field or value that asks. */
function checksOf(field: Field, prefix: string): string[] {
  const lines = new Map<string, string[]>();
  const add = (head: string, names: readonly string[]) =>
    lines.set(head, [...new Set([...(lines.get(head) ?? []), ...names])]);
  for (const check of field.entity_checks ?? []) {
    const name = (inner: string) => code(prefix + inner);
    const { mutually_exclusive, only_one_of, at_least_one_of, conditional, conditional_at_least_one_of } =
      check as EntityCheck;
    if (mutually_exclusive !== undefined) {
      const [last = '', ...others] = [...mutually_exclusive].reverse();
      add(`${name(last)} excludes `, others.map(name));
    } else if (only_one_of !== undefined) {
      add('exactly one of ', only_one_of.map(name));
    } else if (at_least_one_of !== undefined) {
      add('at least one of ', at_least_one_of.map(name));
    } else if (conditional !== undefined) {
      const { if_field, if_match, then_field } = conditional;
      add(`${code(`${prefix}${if_field}: ${if_match.eq}`)} needs `, [name(then_field)]);
    } else if (conditional_at_least_one_of !== undefined) {
      const { if_field, if_match, then_at_least_one_of } = conditional_at_least_one_of;
      const needed = then_at_least_one_of.map(name);
      add(`${code(`${prefix}${if_field}: ${if_match.eq}`)} needs one of ${needed.join(', ')}`, []);
    } else {
      throw new Error(`${prefix}entity_checks: npm run docs has no words for ${Object.keys(check as object).join()}`);
    }
  }
  return [...lines].map(([head, names]) => `- ${head}${names.join(', ')}`);
}

/** The checks that the plugins use. https://developer.konghq.com/custom-plugins/schema.lua/ */
interface EntityCheck {
  mutually_exclusive?: readonly string[];
  only_one_of?: readonly string[];
  at_least_one_of?: readonly string[];
  conditional?: { if_field: string; if_match: { eq: unknown }; then_field: string };
  conditional_at_least_one_of?: {
    if_field: string;
    if_match: { eq: unknown };
    then_at_least_one_of: readonly string[];
  };
}
