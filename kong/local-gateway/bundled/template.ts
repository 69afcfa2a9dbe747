/**
 * The templates of request-transformer. Kong runs any Lua between `$(` and `)`. Only `headers.<name>`,
 * `query_params.<name>` and `uri_captures.<name>` work here, also with brackets and quotes. A configuration with anything
 * else is refused.
 */
import { fromText } from '../headers.js';
import type { RequestContext } from '../request-context.js';
import type { QueryArgs } from '../uri.js';
import { headerValues, queryArgs } from './request-values.js';

const EXPRESSION =
  /\$\(\s*(headers|query_params|uri_captures)(?:\.([A-Za-z_]\w*)|\[\s*(?:"([^"\\]*)"|'([^'\\]*)')\s*\])\s*\)/g;

/** The result for a value given several times: Lua prints a table's address, which is of no use. */
const LUA_TABLE = 'table: 0x000000000000';

/** Splits an entry `name:value` of the configuration. An empty value is undefined. */
export function splitEntry(entry: string): [name: string, value: string | undefined] {
  const [, name = '', value = ''] = /^([^:]+):*([\s\S]*)$/.exec(entry) ?? [];
  return [name, value === '' ? undefined : value];
}

/** Returns whether the local gateway can render a template. */
export function isKnownTemplate(template: string): boolean {
  return !template.replace(EXPRESSION, '').includes('$(');
}

/**
 * Creates a renderer for one request. It reads headers and arguments when a template first needs them, and keeps them.
 * @returns a function from a template to bytes (as latin1)
 */
export function createRenderer(context: RequestContext): (template: string) => string {
  let headers: RequestContext['headers'] | undefined;
  let query: QueryArgs | undefined;
  const valuesOf = (table: string, name: string): readonly (string | true)[] => {
    if (table === 'headers') {
      headers ??= context.headers.clone();
      return headerValues(headers, name);
    }
    if (table === 'uri_captures') return [context.uriCaptures[name] ?? []].flat();
    query ??= queryArgs(context);
    return (query[name] ?? []).map((value) => (value === true ? value : fromText(value)));
  };
  return (template) => {
    let rendered = '';
    let position = 0;
    for (const match of template.matchAll(EXPRESSION)) {
      const [whole, table = '', plain, doubleQuoted, singleQuoted] = match;
      const values = valuesOf(table, plain ?? doubleQuoted ?? singleQuoted ?? '');
      rendered += fromText(template.slice(position, match.index));
      rendered += values.length > 1 ? LUA_TABLE : String(values[0] ?? '');
      position = match.index + whole.length;
    }
    return rendered + fromText(template.slice(position));
  };
}
