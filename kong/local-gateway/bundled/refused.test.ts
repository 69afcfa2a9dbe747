/** What Kong's own plugins can do and the local gateway cannot: refused when the configuration is read, never ignored. */
import { describe, expect, it } from 'vitest';
import { buildSnapshot } from '../config/snapshot.js';
import { createBundledPlugins } from './index.js';

const handlers = new Map(createBundledPlugins().map((plugin) => [plugin.name, plugin]));
const read = (name: string, config: Record<string, unknown>) =>
  buildSnapshot({ plugins: [{ name, config }] }, { handlers, ignorePlugins: new Set() });

describe('a configuration beyond the local gateway', () => {
  const cases: [string, Record<string, unknown>, string][] = [
    ['key-auth', { key_in_body: true }, 'the local gateway does not look for keys in bodies'],
    ['rate-limiting', { second: 1, policy: 'redis' }, 'the local gateway knows only the policy "local"'],
    ['request-termination', { echo: true }, 'the local gateway does not echo requests'],
    ['request-transformer', { add: { headers: ['X-A:$(uri_captures[1])'] } }, 'the local gateway renders only'],
    ['request-transformer', { replace: { uri: '/$(headers.a or "b")' } }, 'the local gateway renders only'],
    ['request-transformer', { append: { querystring: ['a:$(shared.x)'] } }, 'the local gateway renders only'],
  ];
  it.each(cases)('%s %j is refused', (name, config, words) => {
    expect(() => read(name, config)).toThrow(words);
  });

  it('is none with the templates that are known', () => {
    const value = 'X-A:$(headers.a) $(headers["x-b"]) $( query_params[\'c d\'] ) $5 (x)';
    expect(read('request-transformer', { add: { headers: [value] } }).plugins).toHaveLength(1);
  });
});
