/**
 * The templates of request-transformer. Kong runs any Lua between `$(` and `)`; here only `headers.<name>` and
 * `query_params.<name>` are known, the name also in brackets and quotes, and a configuration with anything else is refused.
 */
import { fromText } from '../headers.js';
import type { RequestContext } from '../request-context.js';
import type { QueryArgs } from '../uri.js';
import { headerValues, queryArgs } from './request-values.js';

const EXPRESSION = /\$\(\s*(headers|query_params)(?:\.([A-Za-z_]\w*)|\[\s*(?:"([^"\\]*)"|'([^'\\]*)')\s*\])\s*\)/g;

/** What stands for a value given several times: Lua shows the address of a table, which nothing can use. */
const LUA_TABLE = 'table: 0x000000000000';

/** Splits an entry `name:value` of the configuration; a value that is empty is none. */
export function splitEntry(entry: string): [name: string, value: string | undefined] {
  const [, name = '', value = ''] = /^([^:]+):*([\s\S]*)$/.exec(entry) ?? [];
  return [name, value === '' ? undefined : value];
}

/** Whether the local gateway can render a template. */
export function isKnownTemplate(template: string): boolean {
  return !template.replace(EXPRESSION, '').includes('$(');
}

/**
 * A renderer for one request. Headers and arguments are read when a template first asks for them, and stay so.
 * @returns what makes bytes (as latin1) of a template
 */
export function createRenderer(context: RequestContext): (template: string) => string {
  let headers: RequestContext['headers'] | undefined;
  let query: QueryArgs | undefined;
  const valuesOf = (table: string, name: string): readonly (string | true)[] => {
    if (table === 'headers') {
      headers ??= context.headers.clone();
      return headerValues(headers, name);
    }
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
