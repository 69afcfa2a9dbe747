/**
 * A pod of kong/kubernetes on a real Kong: its containers as processes, and the calls by which Kong's Ingress Controller finds
 * out about it and configures it (internal/adminapi, internal/admission and go-kong of its version 3.5).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { kongMissing } from '../../kong/testbed/native-kong.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { createPod, type Pod } from '../support/pod.js';
import { KONG_ONLY } from './gateway.js';

const MISSING = KONG_ONLY ?? kongMissing();

interface Resource {
  kind: string;
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  plugin: string;
  config: Record<string, unknown>;
  spec: { rules: { http: { paths: { path: string }[] } }[] };
}

const RESOURCES = ['base.yaml', 'example.yaml'].flatMap((file) =>
  parseAllDocuments(readFileSync(join(ROOT, 'kong/kubernetes', file), 'utf8')).map((one) => one.toJS() as Resource),
);
const PLUGINS = RESOURCES.filter(({ kind }) => kind === 'KongClusterPlugin' || kind === 'KongPlugin');
const INGRESSES = RESOURCES.filter(({ kind }) => kind === 'Ingress');
const KEY = 'key-of-the-crm';
const HASH_OF_NOTHING = '00000000000000000000000000000000';

describe('a pod of kong/kubernetes', unless(MISSING), () => {
  let genesys: GenesysCloud;
  let pod: Pod;

  beforeAll(async () => {
    genesys = await startGenesysCloud();
    pod = await createPod({ 'client-id': DEFAULT_CLIENT.clientId, 'client-secret': DEFAULT_CLIENT.clientSecret });
    await pod.startPlugins();
    await pod.startProxy();
  }, 120_000);
  afterAll(async () => {
    await pod?.remove();
    await genesys?.close();
  });

  const call = async (path: string, body?: object) => {
    const init = body && {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    };
    const response = await fetch(`${pod.adminUrl}${path}`, init);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const status = async (url: string, init?: RequestInit): Promise<number> => {
    const response = await fetch(url, init);
    await response.arrayBuffer();
    return response.status;
  };
  const request = (method: string, path: string, key = KEY): Promise<number> =>
    status(`${pod.proxyUrl}${path}`, { method, headers: { apikey: key } });
  const configured = (plugin: Resource): object => ({
    name: plugin.plugin,
    instance_name: plugin.metadata.name,
    config: forThisMachine(plugin),
  });

  /** Genesys Cloud is the simulator, and there is no Redis. */
  function forThisMachine({ plugin, config }: Resource): object {
    const { region: _region, redis: _redis, ...rest } = JSON.parse(pod.here(JSON.stringify(config)));
    if (plugin === 'genesys-token-manager') return { ...rest, token_url: genesys.tokenUrl };
    return plugin === 'genesys-quota' ? { ...rest, policy: 'local' } : config;
  }

  /** What the controller makes of the resources. */
  function configuration(): object {
    const named = (ingress: Resource, key: string): string[] =>
      (ingress.metadata.annotations?.[`konghq.com/${key}`] ?? '').split(',');
    const ofName = (name: string) => PLUGINS.find(({ metadata }) => metadata.name === name) as Resource;
    return {
      _format_version: '3.0',
      services: [{ name: 'default.genesys-cloud.443', url: genesys.url, read_timeout: 10_000, retries: 0 }],
      routes: INGRESSES.map((ingress) => ({
        name: `default.${ingress.metadata.name}.genesys-cloud.._.443`,
        service: 'default.genesys-cloud.443',
        methods: named(ingress, 'methods'),
        protocols: named(ingress, 'protocols'),
        strip_path: false,
        preserve_host: false,
        paths: ingress.spec.rules.flatMap(({ http }) => http.paths.flatMap(({ path }) => [`${path}/`, `~${path}$`])),
      })),
      plugins: [
        ...PLUGINS.filter(({ metadata }) => metadata.labels?.global === 'true').map(configured),
        ...INGRESSES.flatMap((ingress) =>
          named(ingress, 'plugins').map((name) => ({
            ...configured(ofName(name)),
            instance_name: `${name}-${ingress.metadata.name}`,
            route: `default.${ingress.metadata.name}.genesys-cloud.._.443`,
          })),
        ),
      ],
      consumers: [
        {
          username: 'svc-crm',
          acls: [{ group: 'readers' }, { group: 'writers' }],
          keyauth_credentials: [{ key: KEY }],
        },
        { username: 'svc-reporting', acls: [{ group: 'readers' }], keyauth_credentials: [{ key: 'reader' }] },
      ],
    };
  }

  it('runs as the user of the chart, on a root file system that it cannot write to', () => {
    if (process.getuid?.() === 0) expect(pod.isReadOnly).toBe(true);
    expect(pod.log('proxy')).not.toMatch(/\[(?:error|crit|alert|emerg)\]|EROFS|Read-only|Permission denied/);
    expect(pod.log('plugins')).not.toMatch(/EROFS|EACCES/);
  });

  it('serves nothing, and is not ready, until it is configured', async () => {
    expect(await status(`${pod.pluginsUrl}/ready`)).toBe(200);
    expect(await status(`${pod.statusUrl}/status`)).toBe(200);
    expect(await status(`${pod.statusUrl}/status/ready`)).toBe(503);
    expect(await request('GET', '/api/v2/users')).toBe(404);
    expect((await call('/services')).body.data).toEqual([]);
  });

  it('answers the first call of a controller, whichever worker takes it', async () => {
    expect((await call('/status')).body.configuration_hash).toBe(HASH_OF_NOTHING);
    for (let index = 0; index < 40; index += 1) {
      const { status: code, body } = await call('/');
      expect(code).toBe(200);
      expect(body).toMatchObject({
        version: expect.stringMatching(/^3\./),
        node_id: expect.any(String),
        configuration: { database: 'off', router_flavor: 'traditional', kic: true },
        plugins: { available_on_server: expect.objectContaining({ 'genesys-quota': expect.anything() }) },
      });
    }
  });

  it.each(PLUGINS.map((plugin): [string, Resource] => [plugin.metadata.name, plugin]))(
    'takes the configuration of %s as the admission webhook asks',
    async (_name, plugin) => {
      expect(await call(`/schemas/plugins/${plugin.plugin}`)).toMatchObject({
        status: 200,
        body: { fields: expect.any(Array) },
      });
      // As it is in the file.
      const { plugin: name, config } = plugin;
      expect(await call('/schemas/plugins/validate', { name, config })).toMatchObject({ status: 200 });
      const wrong = await call('/schemas/plugins/validate', { name, config: { ...config, nonsense: 1 } });
      expect(wrong).toMatchObject({ status: 400, body: { fields: { config: { nonsense: 'unknown field' } } } });
    },
  );

  it('says of a configuration that Kong refuses which entity it is, and stays as it was', async () => {
    const wrong = {
      ...configuration(),
      plugins: [{ name: 'genesys-quota', config: { limits: [{ name: 'a', limit: 0 }] } }],
    };
    const { status: code, body } = await call('/config?check_hash=1&flatten_errors=1', wrong);
    expect(code).toBe(400);
    expect(body.flattened_errors).toMatchObject([{ entity_type: 'plugin', entity_name: 'genesys-quota' }]);
    expect(await status(`${pod.statusUrl}/status/ready`)).toBe(503);
  });

  it('is ready when it is configured: requests reach the service, and the audit log is the output of the plugins', async () => {
    expect(await call('/config?check_hash=1&flatten_errors=1', configuration())).toMatchObject({ status: 201 });
    await waitFor('readiness', async () => (await status(`${pod.statusUrl}/status/ready`)) === 200);
    expect((await call('/status')).body.configuration_hash).not.toBe(HASH_OF_NOTHING);
    await waitFor('the workers to follow', async () => (await request('GET', '/api/v2/users')) === 200);
    expect(await request('POST', '/api/v2/routing/queues', 'reader')).toBe(403);
    expect(await request('GET', '/api/v2/users', 'nobody')).toBe(401);
    expect(await request('GET', '/api/v2users')).toBe(404);
    // Over client_body_buffer_size: Kong has it in a file, and gives its path.
    const long = JSON.stringify({ name: 'n'.repeat(700_000) });
    const json = { apikey: KEY, 'content-type': 'application/json' };
    const posted = await status(`${pod.proxyUrl}/api/v2/routing/skills`, { method: 'POST', headers: json, body: long });
    expect(posted).toBeLessThan(500);
    await waitFor('its entry', () => /"POST".*svc-crm|svc-crm.*"POST"/.test(pod.log('plugins')));
    expect(pod.log('plugins')).not.toContain('unreadable');
    const guarded = { headers: { apikey: KEY, 'x-options': 'x' } };
    expect(await status(`${pod.proxyUrl}/api/v2/a%2fb`, guarded)).toBe(400);
    await waitFor('an entry of the audit log', () => /^\{.*"consumer":.*svc-crm/m.test(pod.log('plugins')));
    expect(await (await fetch(`${pod.pluginsUrl}/metrics`)).text()).toContain('plugin="genesys-quota"');
  });

  it('works again when the container of the plugins was killed and started anew, with Kong running on', async () => {
    await pod.killPlugins();
    expect(await request('GET', '/api/v2/users')).toBe(500);
    await pod.startPlugins();
    await waitFor('an answer', async () => (await request('GET', '/api/v2/users')) === 200);
  });

  it('stops as Kubernetes stops it: 20 requests in work are answered and logged, then both end by themselves', async () => {
    const entries = (): number =>
      pod.log('plugins').match(/^\{.*\/api\/v2\/routing\/queues.*svc-crm|^\{.*svc-crm.*\/api\/v2\/routing\/queues/gm)
        ?.length ?? 0;
    genesys.control.setFault('api', { hang: true });
    genesys.control.reset();
    const answers = Array.from({ length: 20 }, () => request('GET', '/api/v2/routing/queues'));
    await waitFor('20 at Genesys', () => genesys.control.requests({ kind: 'api' }).length === 20);
    const stopped = pod.stop();
    await waitFor('no new connection', () =>
      status(pod.proxyUrl).then(
        () => false,
        () => true,
      ),
    );
    genesys.control.clearFaults('api');
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(await stopped).toEqual({ proxy: 0, plugins: 0 });
    expect(entries()).toBe(20);
  });
});
