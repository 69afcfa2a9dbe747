/** The module as plugin servers see it: its contract, how it loads, and that its instances share the tokens. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guarded } from '../../test/support/guarded.js';
import type { HeaderValues, Kong } from '../shared/pdk.js';
import type { PluginInstance, PluginModule } from '../shared/plugin.js';
import { VERSION } from '../shared/version.js';
import * as plugin from './index.js';

const run = promisify(execFile);

let outDir: string | undefined;
let tokenRequests = 0;
const login = createServer((request, response) => {
  tokenRequests++;
  request.resume();
  const basic = Buffer.from(request.headers.authorization?.replace('Basic ', '') ?? '', 'base64').toString();
  response.statusCode = basic === 'id:right' ? 200 : 401;
  response.end(
    JSON.stringify(
      response.statusCode === 200
        ? { access_token: `token-${tokenRequests}`, token_type: 'bearer', expires_in: 3600 }
        : { error: 'invalid_client' },
    ),
  );
});
beforeAll(() => new Promise<void>((resolve) => login.listen(0, '127.0.0.1', resolve)));
afterAll(async () => {
  if (outDir !== undefined) await rm(outDir, { recursive: true });
  login.closeAllConnections();
  login.close();
});

function config(overrides: Record<string, unknown>): Record<string, unknown> {
  const { port } = login.address() as AddressInfo;
  return { token_url: `http://127.0.0.1:${port}/oauth/token`, client_id: 'id', client_secret: 'right', ...overrides };
}

/** Compiles the plugin to a folder below node_modules, where its imports resolve; returns the path of index.js. */
async function compile(): Promise<string> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  await mkdir(join(root, 'node_modules/.cache'), { recursive: true });
  outDir = await mkdtemp(join(root, 'node_modules/.cache/genesys-token-manager-'));
  const settings = {
    extends: join(root, 'tsconfig.json'),
    files: [join(root, 'plugins/genesys-token-manager/index.ts')],
    include: [],
    compilerOptions: { rootDir: root, outDir, types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
  };
  await writeFile(join(outDir, 'tsconfig.json'), JSON.stringify(settings));
  await writeFile(join(outDir, 'package.json'), '{"type":"module"}');
  await run(join(root, 'node_modules/.bin/tsc'), ['-p', outDir]);
  return join(outDir, 'plugins/genesys-token-manager/index.js');
}

/** Runs the access phase; the result is what the service or the client got. */
async function access(instance: PluginInstance): Promise<{ headers?: HeaderValues; status?: number }> {
  const result: { headers?: HeaderValues; status?: number } = {};
  const kong = {
    ctx: { shared: { set: async () => undefined } },
    log: { err: async () => undefined, warn: async () => undefined },
    nginx: { getVar: guarded(async () => 'request-1') },
    request: { getHeaders: async () => ({}) },
    response: {
      exit: async (status: number) => {
        result.status = status;
      },
    },
    service: {
      request: {
        setHeaders: async (headers: HeaderValues) => {
          result.headers = headers;
        },
      },
    },
  };
  await instance.access?.(kong as unknown as Kong);
  return result;
}

describe('the module', () => {
  it('fulfils the contract', () => {
    const module: PluginModule = plugin;
    expect(module).toMatchObject({ Name: 'genesys-token-manager', Version: VERSION, Priority: 850 });
    const phases = ['certificate', 'rewrite', 'access', 'response', 'log'].filter(
      (phase) => phase in plugin.Plugin.prototype,
    );
    expect(phases).toEqual(['access', 'log']);
  });

  it('has a schema that survives JSON, with its secrets marked', () => {
    expect(JSON.parse(JSON.stringify([plugin.Schema, plugin.PluginSchema]))).toEqual([
      plugin.Schema,
      plugin.PluginSchema,
    ]);
    const fields = Object.assign({}, ...plugin.Schema) as Record<
      string,
      { referenceable?: boolean; encrypted?: boolean }
    >;
    expect(fields.client_secret).toMatchObject({ referenceable: true, encrypted: true });
    expect(fields.client_id).toMatchObject({ referenceable: true });
  });

  it('loads by require(), as kong-js-pluginserver does, and without node-fetch, which costs memory at start', async () => {
    const compiled = await compile();
    const script = `
      const plugin = require(${JSON.stringify(compiled)});
      new plugin.Plugin({ client_id: 'id', client_secret: 'secret' });
      const httpLoaded = process.moduleLoadList.includes('NativeModule http');
      console.log(JSON.stringify({ exported: Object.keys(plugin).sort(), httpLoaded }));`;
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
      httpLoaded: false,
    });
  });

  it('refuses a bad configuration when it starts', () => {
    expect(() => new plugin.Plugin({ client_id: 'x', client_secret: '' })).toThrow(
      'config.client_secret must not be empty',
    );
  });
});

describe('without its log phase', () => {
  const WithoutLog = plugin.variants['without-log'] ?? expect.fail('no such variant');

  it('has access alone, and injects the same token', async () => {
    expect('log' in WithoutLog.prototype).toBe(false);
    expect(await access(new WithoutLog(config({})))).toEqual(await access(new plugin.Plugin(config({}))));
  });

  it('refuses what it could not do', () => {
    const regions = (['us_east_1', 'us_west_2'] as const).map((region) => ({
      name: region,
      region,
      upstream: `api-${region}`,
      client_id: 'id',
      client_secret: 'secret',
    }));
    expect(() => new WithoutLog({ regions })).toThrow('config.regions learns from answers');
    expect(() => new WithoutLog(config({ circuit_breaker: {} }))).toThrow('config.circuit_breaker learns from answers');
  });
});

describe('instances', () => {
  it('of one OAuth client share one token, one with a wrong secret gets none', async () => {
    const routes = Array.from({ length: 10 }, (_, i) => new plugin.Plugin(config({ __plugin_id: `p${i}` })));
    const wrong = new plugin.Plugin(config({ client_secret: 'wrong' }));
    const results = await Promise.all([access(wrong), ...routes.map(access)]);
    expect(results[0]).toEqual({ status: 503 });
    const tokens = new Set(results.slice(1).map(({ headers }) => headers?.Authorization));
    expect(tokens.size).toBe(1);
    expect(tokenRequests).toBe(2);
    expect(await access(wrong)).toEqual({ status: 503 });
    expect((await access(new plugin.Plugin(config({})))).status).toBeUndefined();
    expect(tokenRequests).toBe(2);
  });
});
