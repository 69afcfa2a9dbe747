/**
 * A plugin's schema as a file of Lua, `schema.lua`: Konnect's control planes run no plugin server, and take the schema of a
 * plugin as such a file (at most 100 KB, without `require`). Pure.
 */
import { isPlainObject } from '../../plugins/shared/plain-object.js';

/** Words of Lua 5.1 that cannot be a key without quotes. */
const KEYWORDS = new Set(
  `and break do else elseif end false for function if in local nil not or repeat return then true until while`.split(
    ' ',
  ),
);

/**
 * Writes a schema in Lua.
 * @param schema as a plugin server's dump has it: `name` and `fields`
 */
export function asLua(schema: unknown): string {
  return `-- Made by kong-genesys-cloud --format lua-schema: make it again with each version of the plugins.\nreturn ${luaOf(schema, '')}\n`;
}

function luaOf(value: unknown, indent: string): string {
  if (typeof value === 'string') return textOf(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const items = value.map((item) => luaOf(item, inner));
    const isShort = !value.some((item) => typeof item === 'object') && items.join(', ').length < 90;
    return isShort ? `{ ${items.join(', ')} }`.replace('{  }', '{}') : block(items, indent);
  }
  if (!isPlainObject(value)) throw new Error(`a schema holds no ${value === null ? 'null' : typeof value}`);
  const members = Object.entries(value).map(([key, member]) => `${keyOf(key)} = ${luaOf(member, inner)}`);
  return members.length === 0 ? '{}' : block(members, indent);
}

function block(lines: readonly string[], indent: string): string {
  return `{\n${lines.map((line) => `${indent}  ${line},\n`).join('')}${indent}}`;
}

function keyOf(key: string): string {
  return /^[A-Za-z_]\w*$/.test(key) && !KEYWORDS.has(key) ? key : `[${textOf(key)}]`;
}

function textOf(text: string): string {
  const escaped = text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to write as numbers.
  return `"${escaped.replace(/[\0-\x1f\x7f]/g, (byte) => `\\${byte.charCodeAt(0).toString().padStart(3, '0')}`)}"`;
}
