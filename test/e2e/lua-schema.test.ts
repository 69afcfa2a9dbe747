/**
 * `--format lua-schema`: the file is small and needs nothing, LuaJIT reads the same from it as Kong does from a plugin server,
 * and real Kong takes it as the schema of a plugin in Lua, refuses what the plugin server's schema refuses, and nothing else.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PLUGIN_NAMES, SERVED } from '../../kong/plugin-list.js';
import { describePlugin } from '../../kong/plugin-server/dump.js';
import { kongMissing } from '../../kong/testbed/native-kong.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { unless } from '../../kong/testbed/unless.js';
import type { PluginModule } from '../../plugins/shared/plugin.js';
import { KONG_ONLY } from './gateway.js';

const run = promisify(execFile);
const COMMAND = join(ROOT, 'dist/bin/kong-genesys-cloud.js');
const folder = mkdtempSync(join(tmpdir(), 'lua-schema-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const print = (name: string): string =>
  execFileSync(process.execPath, [COMMAND, '--format', 'lua-schema', '--plugin', name], { encoding: 'utf8' });

const LUAJIT_MISSING = await run('luajit', ['-v']).then(
  () => undefined,
  () => 'no luajit',
);
const MISSING = KONG_ONLY ?? kongMissing();

it.each(SERVED.map(({ name }) => name))('%s: at most 100 KB, and no require', (name) => {
  const text = print(name);
  expect(Buffer.byteLength(text)).toBeLessThan(100_000);
  expect(text).toContain(`name = "${name}"`);
  expect(text.replace(/"(?:\\.|[^"\\])*"/g, '""')).not.toMatch(/\b(require|function|ngx)\b/);
});

it('names what it needs', async () => {
  await expect(run(process.execPath, [COMMAND, '--format', 'lua-schema'])).rejects.toThrow('needs --plugin: one of');
});

/** Prints a table of Lua as JSON, with the keys of objects in order. */
const AS_JSON = `
local function json(value)
  if type(value) ~= "table" then
    if type(value) == "string" then
      return '"' .. value:gsub('[%c"\\\\\\128-\\255]', function(byte) return ("\\\\u%04x"):format(byte:byte()) end) .. '"'
    end
    return tostring(value)
  end
  local parts = {}
  if #value > 0 or next(value) == nil then
    for _, item in ipairs(value) do parts[#parts + 1] = json(item) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for key, item in pairs(value) do parts[#parts + 1] = json(key) .. ":" .. json(item) end
  return "{" .. table.concat(parts, ",") .. "}"
end
io.write(json(dofile(arg[1])))
`;

it.each(PLUGIN_NAMES)('LuaJIT reads of %s what Kong reads of its dump', unless(LUAJIT_MISSING), async (name) => {
  const [schema, script] = [join(folder, `${name}.lua`), join(folder, 'json.lua')];
  writeFileSync(schema, print(name));
  writeFileSync(script, AS_JSON);
  const { stdout } = await run('luajit', [script, schema]);
  const plugin = (await import(`../../dist/plugins/${name}/index.js`)) as PluginModule;
  const dump = JSON.parse(JSON.stringify(describePlugin(plugin, name, '').Plugins[0].Schema));
  // Bytes, as Lua has them.
  const asBytes = JSON.parse(JSON.stringify(dump), (_, value) =>
    typeof value === 'string' ? Buffer.from(value).toString('latin1') : value,
  );
  expect(JSON.parse(stdout)).toEqual(asBytes);
});

describe('Kong with the schemas alone', unless(MISSING), () => {
  beforeAll(() => {
    for (const name of PLUGIN_NAMES) {
      const plugin = join(folder, 'lua/kong/plugins', name);
      mkdirSync(plugin, { recursive: true });
      writeFileSync(join(plugin, 'schema.lua'), print(name));
      writeFileSync(join(plugin, 'handler.lua'), 'return { PRIORITY = 1, VERSION = "0.1.0" }\n');
    }
  });

  /** What Kong says of a configuration; empty if it takes it. */
  async function refusal(plugins: object[]): Promise<string> {
    const file = join(folder, 'kong.json');
    writeFileSync(file, JSON.stringify({ _format_version: '3.0', plugins }));
    const env = {
      ...process.env,
      KONG_PREFIX: join(folder, 'prefix'),
      KONG_DATABASE: 'off',
      KONG_PLUGINS: ['bundled', ...PLUGIN_NAMES].join(','),
      KONG_LUA_PACKAGE_PATH: `${join(folder, 'lua')}/?.lua;;`,
    };
    return run(process.env.KONG_BIN ?? 'kong', ['config', 'parse', file], { env }).then(
      () => '',
      (error: Error & { stderr: string }) => error.stderr,
    );
  }

  it('takes a configuration of each', async () => {
    const secret = '{vault://env/x}';
    expect(
      await refusal([
        { name: 'genesys-token-manager', config: { region: 'us_east_1', client_id: 'a', client_secret: secret } },
        {
          name: 'genesys-quota',
          config: { limits: [{ name: 'a', limit: 1, for: { tags: ['t'] } }], redis: { host: 'r' }, policy: 'redis' },
        },
        { name: 'genesys-response-filter', config: { rules: [{ keep: ['id'] }] } },
        { name: 'genesys-pii-log', config: { sinks: [{ type: 'stdout' }] } },
        { name: 'genesys-login', config: { key_id: 'k', signing_key: secret } },
        { name: 'genesys-gateway', config: { quota: { limits: [{ name: 'a', limit: 1 }] } } },
        {
          name: 'genesys-user-token',
          config: {
            region: 'us_east_1',
            organizations: ['6a8e5c0e-1c5f-4f0a-9d57-3f1f0c1b6a01'],
            consumers: [{ consumer: 'c', client_id: 'a' }],
          },
        },
      ]),
    ).toBe('');
  });

  it.each([
    [{ name: 'genesys-quota', config: { limits: [{ name: 'a', limit: 0 }] } }, 'value should be between'],
    [{ name: 'genesys-quota', config: { polcy: 'redis' } }, 'unknown field'],
    [{ name: 'genesys-quota', config: { limits: [{ name: 'a', limit: 1, by: 'header' }] } }, 'by_name'],
    [
      { name: 'genesys-token-manager', config: { region: 'mars', client_id: 'a', client_secret: 'b' } },
      'expected one of',
    ],
    [{ name: 'genesys-gateway', config: {} }, 'at least one of'],
    [
      { name: 'genesys-user-token', config: { organizations: ['acme'], consumers: [{ consumer: 'c' }] } },
      'expected a valid UUID',
    ],
  ])('refuses %j', async (plugin, words) => {
    expect(await refusal([plugin])).toContain(words);
  });
});
