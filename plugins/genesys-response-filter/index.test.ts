/** The module as plugin servers see it: its contract, how it loads, and one request through it. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import type { PluginModule } from '../shared/plugin.js';
import { VERSION } from '../shared/version.js';
import * as plugin from './index.js';

const run = promisify(execFile);

let outDir: string | undefined;
afterAll(async () => {
  if (outDir !== undefined) await rm(outDir, { recursive: true });
});

/** Compiles the plugin to a folder below node_modules, where its imports resolve; returns the path of index.js. */
async function compile(): Promise<string> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  await mkdir(join(root, 'node_modules/.cache'), { recursive: true });
  outDir = await mkdtemp(join(root, 'node_modules/.cache/genesys-response-filter-'));
  const settings = {
    extends: join(root, 'tsconfig.json'),
    files: [join(root, 'plugins/genesys-response-filter/index.ts')],
    include: [],
    compilerOptions: { rootDir: root, outDir, types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
  };
  await writeFile(join(outDir, 'tsconfig.json'), JSON.stringify(settings));
  await writeFile(join(outDir, 'package.json'), '{"type":"module"}');
  await run(join(root, 'node_modules/.bin/tsc'), ['-p', outDir]);
  return join(outDir, 'plugins/genesys-response-filter/index.js');
}

describe('the module', () => {
  it('fulfils the contract', () => {
    const module: PluginModule = plugin;
    expect(module).toMatchObject({ Name: 'genesys-response-filter', Version: VERSION, Priority: 790 });
    expect(Object.getOwnPropertyNames(module.Plugin.prototype).sort()).toEqual(['access', 'constructor', 'response']);
  });

  it('has a schema that survives JSON', () => {
    const schemas = [plugin.Schema, plugin.PluginSchema];
    expect(JSON.parse(JSON.stringify(schemas))).toEqual(schemas);
  });

  it('loads by require(), as kong-js-pluginserver does, and finds jsonpath-plus when a body needs it', async () => {
    const compiled = await compile();
    const script = `
      const plugin = require(${JSON.stringify(compiled)});
      const instance = new plugin.Plugin({ rules: [{ remove: ['$..x'] }] });
      const kong = {
        log: { err: console.error }, request: { getMethod: async () => 'GET' },
        nginx: { getCtx: async () => 0x80, getVar: async () => '/api/v2/users' },
        response: { getStatus: async () => 200, getHeaders: async () => ({}), exit: async (status, body) => exit(String(body)) },
        service: { response: { getRawBody: async () => Buffer.from('{"x":1,"a":{"x":2}}') } },
      };
      const exit = (body) => console.log(JSON.stringify({ exported: Object.keys(plugin).sort(), body }));
      instance.response(kong);`;
    const { stdout } = await run(process.execPath, ['-e', script]);
    expect(JSON.parse(stdout)).toEqual({
      exported: [
        'EntityChecks',
        'Name',
        'Plugin',
        'PluginSchema',
        'Priority',
        'Schema',
        'Version',
        'start',
        'variants',
      ],
      body: '{"a":{}}',
    });
  });

  it('refuses a bad configuration when it starts', () => {
    expect(() => new plugin.Plugin({ rules: [{ keep: ['a..b'] }] })).toThrow(
      'config.rules[0].keep[0] lacks a name (at character 3)',
    );
  });
});
