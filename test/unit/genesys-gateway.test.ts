/** genesys-gateway on a played `kong`: its schema, one event for all parts, their order, and what it shares with others. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { describePlugin } from '../../kong/plugin-server/dump.js';
import * as gateway from '../../plugins/genesys-gateway/index.js';
import * as piiLog from '../../plugins/genesys-pii-log/index.js';
import { kongEntry } from '../../plugins/genesys-pii-log/testing/entry.js';
import * as quota from '../../plugins/genesys-quota/index.js';
import * as responseFilter from '../../plugins/genesys-response-filter/index.js';
import * as tokenManager from '../../plugins/genesys-token-manager/index.js';
import { eachField, type Fields } from '../../plugins/shared/kong-schema/field.js';
import type { Kong } from '../../plugins/shared/pdk.js';
import type { PluginClass, PluginModule } from '../../plugins/shared/plugin.js';

const folder = mkdtempSync(join(tmpdir(), 'genesys-gateway-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const HOST = { secretsDirs: [], logDirs: [folder], stdoutPath: undefined };
const TOKENS = { credential: 'bearer', secret: 'the-token' };
const FILTER = { rules: [{ keep: ['id'] }] };
const limited = (limit: number, namespace: string) => ({ limits: [{ name: 'l', limit, by: 'global' }], namespace });
const logTo = (file: string) => ({ sinks: [{ type: 'file', path: join(folder, file) }] });

interface Answer {
  status: number;
  code: string;
}

/** What a request is like. */
interface Played {
  connection?: string;
  upgrade?: string;
  status?: number;
  body?: string;
  source?: string;
  entry?: string;
}

/** Plays Kong for the phases of one request, and writes down every call. */
function playedKong({
  connection = '',
  upgrade = '',
  status = 200,
  body = '{"id":1,"name":"x"}',
  source = 'service',
  entry,
}: Played = {}) {
  const shared = new Map<string, unknown>();
  const calls: string[] = [];
  const vars: Record<string, string> = {
    http_connection: connection,
    upstream_uri: '/api/v2/users',
    upstream_upgrade: upgrade,
    kong_request_id: 'request-1',
  };
  let exit: Answer | { status: number; body: string } | undefined;
  const call =
    <T>(name: string, answer: (...args: string[]) => T) =>
    async (...args: unknown[]) => {
      calls.push([name, ...args.filter((arg) => typeof arg === 'string')].join(' '));
      return answer(...(args as string[]));
    };
  const kong = {
    client: {
      getConsumer: call('consumer', () => ({ id: 'c1', username: 'svc-crm' })),
      getCredential: call('credential', () => ({ id: 'k1' })),
    },
    ctx: {
      shared: {
        get: call('get', (key) => shared.get(key) ?? null),
        set: (key: string, value: unknown) => {
          calls.push(`set ${key.replace(/_[0-9a-f]{16}$/, '')}`);
          shared.set(key, value);
          return Promise.resolve();
        },
      },
    },
    log: {
      serialize: call('serialize', () => entry ?? JSON.stringify(kongEntry({ response: { status } }))),
      setSerializeValue: call('setSerializeValue', () => undefined),
      debug: call('debug', () => undefined),
      err: call('err', () => undefined),
      warn: call('warn', () => undefined),
    },
    nginx: { getVar: call('var', (name) => vars[name] ?? ''), getCtx: call('getCtx', () => 0x80) },
    request: {
      getMethod: call('method', () => 'GET'),
      getHeader: call('header', () => undefined),
      getHeaders: call('headers', () => ({})),
    },
    response: {
      getStatus: call('status', () => status),
      getSource: call('source', () => source),
      getHeader: call('response header', () => undefined),
      getHeaders: call('response headers', () => ({ 'content-type': ['application/json'] })),
      setHeaders: call('client headers', () => undefined),
      exit: async (code: number, text: string | Buffer) => {
        const answer = JSON.parse(String(text)) as { code?: string };
        exit = answer.code === undefined ? { status: code, body: String(text) } : { status: code, code: answer.code };
        calls.push('exit');
      },
    },
    service: {
      request: { setHeaders: call('service headers', () => undefined) },
      response: { getRawBody: call('body', () => Buffer.from(body)) },
    },
  };
  return { kong: kong as unknown as Kong, calls, exit: () => exit };
}

const start = (config: unknown, Plugin: PluginClass = gateway.Plugin) => new Plugin(config, HOST);

describe('its schema', () => {
  const dump = describePlugin(gateway, gateway.Name, '/s') as {
    Plugins: [{ Priority: number; Phases: string[]; Schema: { fields: Fields } }];
  };
  const config = new Map(eachField(dump.Plugins[0].Schema.fields)).get('config');

  it('has a record for each part, with the fields and rules of the part alone', () => {
    const module: PluginModule = gateway;
    expect(module).toMatchObject({ Name: 'genesys-gateway', Priority: 880 });
    expect(JSON.parse(JSON.stringify(dump))).toEqual(dump);
    expect(dump.Plugins[0].Phases).toEqual(['access', 'response', 'log']);
    expect(config?.entity_checks).toEqual([
      { at_least_one_of: ['pii_log', 'quota', 'token_manager', 'response_filter'] },
    ]);
    const records = new Map(eachField(config?.fields ?? []));
    expect([...records.keys()]).toEqual(['pii_log', 'quota', 'token_manager', 'response_filter']);
    expect([...records.values()].map(({ required }) => required)).toEqual([false, false, false, false]);
    expect(records.get('token_manager')).toMatchObject({
      fields: tokenManager.Schema,
      entity_checks: tokenManager.EntityChecks,
    });
  });

  it.each([
    [{}, 'config needs at least one of pii_log, quota, token_manager, response_filter'],
    [{ quota: null }, 'config needs at least one of'],
    [
      { quota: { limits: [{ name: 'a', limit: 1, cost: 2 }] } },
      'config.quota.limits[0].cost must not be over the limit',
    ],
    [{ token_manager: {} }, 'config.token_manager.client_id is required, or clients or regions'],
    [{ pii_log: {} }, 'config.pii_log.sinks is required'],
    [{ response_filter: 'x' }, 'config.response_filter must be an object'],
  ])('refuses %j', (raw, message) => {
    expect(() => start(raw)).toThrow(message);
  });

  it.each([
    ['without-bodies', { response_filter: FILTER, token_manager: TOKENS }, 'config.response_filter needs the response'],
    ['without-log', { pii_log: logTo('a'), token_manager: TOKENS }, 'config.pii_log needs the log phase'],
    ['without-log', { quota: limited(1, 'w') }, 'config.quota.follow_upstream needs the log phase'],
  ] as const)('refuses with --%s what needs the phase', (flag, raw, message) => {
    const Variant: PluginClass = gateway.variants[flag] ?? expect.fail('no such variant');
    expect(() => start(raw, Variant)).toThrow(message);
  });

  it('has no response phase in its variant for routes that must not be buffered', async () => {
    const Variant: PluginClass = gateway.variants['without-bodies'] ?? expect.fail('no such variant');
    expect('response' in Variant.prototype).toBe(false);
    const { kong, calls } = playedKong();
    await start({ quota: limited(9, 'v'), token_manager: TOKENS, pii_log: logTo('v') }, Variant).access?.(kong);
    expect(calls).toContain('service headers');
  });
});

describe('an event', () => {
  const ALL = {
    pii_log: { ...logTo('all'), log_request_body: false },
    quota: limited(1000, 'all'),
    token_manager: TOKENS,
    response_filter: FILTER,
  };

  it('asks each question once, for all parts, before anything is set', async () => {
    const { kong, calls, exit } = playedKong();
    const plugin = start(ALL);
    await plugin.access?.(kong);
    expect(calls).toEqual([
      'var http_connection',
      'var upstream_uri',
      'consumer',
      'headers',
      'var upstream_upgrade',
      'set genesys_pii_log',
      'client headers',
      'service headers',
      'set genesys_token',
    ]);
    calls.length = 0;
    await plugin.response?.(kong);
    expect(calls.filter((one) => one.startsWith('set'))).toEqual(['set genesys_pii_log_response']);
    expect(exit()).toEqual({ status: 200, body: '{"id":1}' });
    calls.length = 0;
    await plugin.log?.(kong);
    expect(calls.length).toBe(new Set(calls).size);
    expect(calls.filter((one) => one === 'status')).toHaveLength(1);
  });

  it('counts nothing and gives no token for what an earlier part refuses', async () => {
    const config = { ...ALL, quota: limited(1, 'order') };
    const guarded = playedKong({ connection: 'authorization' });
    await start(config).access?.(guarded.kong);
    expect(guarded.exit()).toEqual({ status: 400, code: 'gateway.request.refused' });
    expect(guarded.calls).toContain('set genesys_pii_log');

    const first = playedKong();
    await start(config).access?.(first.kong);
    expect(first.exit()).toBeUndefined();

    const second = playedKong();
    await start(config).access?.(second.kong);
    expect(second.exit()).toEqual({ status: 429, code: 'gateway.quota.exceeded' });
    expect(second.calls).not.toContain('service headers');
    expect(second.calls).toContain('set genesys_pii_log');
  });

  it('refuses a change of protocol where it filters, and only there', async () => {
    const { response_filter: _, ...unfiltered } = ALL;
    const [filtered, plain] = [playedKong({ upgrade: 'websocket' }), playedKong({ upgrade: 'websocket' })];
    await start(ALL).access?.(filtered.kong);
    await start(unfiltered).access?.(plain.kong);
    expect(filtered.exit()).toEqual({ status: 400, code: 'gateway.response.blocked' });
    expect(plain.exit()).toBeUndefined();
  });

  it('learns in the log phase although the audit log fails, and names the failure', async () => {
    const { kong } = playedKong({ status: 502, source: 'error', entry: 'no JSON' });
    const plugin = start({ ...ALL, pii_log: logTo('failing'), quota: limited(1000, 'failing') });
    const used = async () => {
      const operation = quota.start().operations?.find(({ path }) => path === '/usage');
      const body = (await operation?.run(new URLSearchParams()))?.body as {
        namespaces: { namespace: string; consumers: { requests: number }[] }[];
      };
      return body.namespaces.find(({ namespace }) => namespace === 'failing')?.consumers;
    };
    await plugin.access?.(kong);
    expect(await used()).toMatchObject([{ requests: 1 }]);
    await expect(plugin.log?.(kong)).rejects.toThrow('no entry was written');
    // The request did not reach Genesys: quota takes it back.
    expect(await used()).toMatchObject([{ requests: 0 }]);
  });
});

describe('in the process of the separate plugins', () => {
  it('counts with genesys-quota', async () => {
    const config = limited(2, 'shared');
    const exits = [];
    for (const plugin of [start({ quota: config }), start(config, quota.Plugin), start({ quota: config })]) {
      const { kong, exit } = playedKong();
      await plugin.access?.(kong);
      exits.push(exit());
    }
    expect(exits).toEqual([undefined, undefined, { status: 429, code: 'gateway.quota.exceeded' }]);
  });

  it('has the credentials of genesys-token-manager, on one page', async () => {
    const config = { credential: 'bearer', secret: 'a-token-of-both' };
    for (const plugin of [start({ token_manager: config }), start(config, tokenManager.Plugin)]) {
      await plugin.access?.(playedKong().kong);
    }
    const page = tokenManager.start().operations?.find(({ path }) => path === '/credentials');
    expect(JSON.stringify((await page?.run(new URLSearchParams()))?.body)).toContain('"uses":2');
    expect(gateway.start().parts).toEqual([piiLog, quota, tokenManager, responseFilter].map((one) => one.start()));
  });

  it('writes to one sink with genesys-pii-log', async () => {
    const config = logTo('both');
    for (const plugin of [start({ pii_log: config }), start(config, piiLog.Plugin)]) {
      const { kong } = playedKong();
      await plugin.access?.(kong);
      await plugin.log?.(kong);
    }
    await piiLog.start().shutdown?.(AbortSignal.abort());
    expect(readFileSync(join(folder, 'both'), 'utf8').trim().split('\n')).toHaveLength(2);
  });
});
