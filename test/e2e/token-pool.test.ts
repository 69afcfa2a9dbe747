/**
 * Several tokens carry several times the rate. LONG=1 adds the requirement as it is put: 900 requests in a minute against
 * 300 a minute for each of three tokens.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { LONG_ONLY, unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { addToApi, type GenesysGateway, startGenesysGateway, tokenManagerConfig } from './genesys-gateway.js';

const CLIENTS = ['one', 'two', 'three'].map((name) => ({ clientId: `client-${name}`, clientSecret: `secret-${name}` }));
const PER_MINUTE = 20;

const logDir = mkdtempSync(join(tmpdir(), 'pool-'));
let setup: GenesysGateway;
let scopes = 0;

beforeAll(async () => {
  const plugins = PLUGINS.map((plugin) =>
    plugin.name === 'genesys-pii-log' ? { ...plugin, args: ['--log-dir', logDir] } : plugin,
  );
  setup = await startGenesysGateway({ clients: CLIENTS, plugins });
});
afterAll(async () => {
  await setup?.close();
  rmSync(logDir, { recursive: true });
});
beforeEach(() => {
  setup.genesys.control.reset();
  setup.genesys.control.setRateLimit(PER_MINUTE);
});

/** Puts a pool in place that no earlier test used. */
async function usePool(changes: Record<string, unknown>): Promise<void> {
  scopes += 1;
  await setup.reconfigure((config) => {
    const plugin = tokenManagerConfig(config);
    delete plugin.client_id;
    delete plugin.client_secret;
    Object.assign(plugin, { scope: `pool-${scopes}` }, changes);
  });
}

const clients = CLIENTS.map(({ clientId, clientSecret }) => ({ client_id: clientId, client_secret: clientSecret }));
const [first] = clients;

async function get(path = '/api/v2/tokens/me'): Promise<Response> {
  const response = await setup.get(path);
  await response.arrayBuffer();
  return response;
}

/** How many requests each token made. */
function uses(): number[] {
  const counts = new Map<unknown, number>();
  for (const { tokenIndex } of setup.genesys.control.requests({ kind: 'api' })) {
    counts.set(tokenIndex, (counts.get(tokenIndex) ?? 0) + 1);
  }
  return [...counts.values()];
}

describe.each([
  ['three clients', { clients }],
  ['three tokens of one client', { ...first, tokens_per_client: 3 }],
])('a pool of %s', (_, pool) => {
  it('carries three times the rate of one token, evenly, and then says when to come back', async () => {
    await usePool(pool);
    const statuses: number[] = [];
    for (let i = 0; i < PER_MINUTE * 3; i += 1) statuses.push((await get()).status);
    expect(statuses.filter((status) => status === 429)).toEqual([]);
    expect(uses()).toEqual([PER_MINUTE, PER_MINUTE, PER_MINUTE]);
    expect(setup.genesys.control.counts()).toMatchObject({ tokenRequests: 3, rateLimited: 0 });

    // Genesys says so once for each token; from then on the gateway does.
    for (let i = 0; i < 3; i += 1) expect((await get()).status).toBe(429);
    await waitFor('the gateway to answer by itself', async () => {
      const before = setup.genesys.control.counts().apiRequests;
      const response = await setup.get('/api/v2/tokens/me');
      const body = (await response.json()) as object;
      expect(response.status).toBe(429);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(30);
      expect(body).toMatchObject({ code: 'too.many.requests.retry.after', status: 429, details: [], errors: [] });
      return setup.genesys.control.counts().apiRequests === before;
    });
    expect(setup.genesys.control.counts().rateLimited).toBeLessThan(10);
  });
});

describe('a limit of the organisation', () => {
  const QUEUES = '/api/v2/routing/queues';
  const LIMITED = { path: QUEUES, perMinute: 2, per: 'organization' } as const;

  beforeEach(() => {
    setup.genesys.control.setRateLimit(0);
    setup.genesys.control.setRouteLimits([LIMITED]);
    setup.genesys.control.resetRateLimits();
  });
  afterEach(() => setup.genesys.control.setRouteLimits([]));

  /** Sends requests until the gateway answers 429 itself, and others in between, after which Kong has logged each. */
  async function exhaust(): Promise<number> {
    const { control } = setup.genesys;
    await waitFor('the gateway to answer for the route by itself', async () => {
      const before = control.counts().byPath[`GET ${QUEUES}`] ?? 0;
      const { status } = await get(QUEUES);
      for (let i = 0; i < 5; i += 1) expect((await get()).status).toBe(200);
      return status === 429 && (control.counts().byPath[`GET ${QUEUES}`] ?? 0) === before;
    });
    return control.counts().rateLimited;
  }

  it.each([
    ['genesys-response-filter', { rules: [{ remove: ['nothing'] }] }],
    ['genesys-pii-log', { sinks: [{ type: 'file', path: join(logDir, 'audit.log') }] }],
  ])('is met once, and no other token is tried, where %s lets the body be read', async (name, config) => {
    await setup.reconfigure((shipped) => {
      const plugin = tokenManagerConfig(shipped);
      delete plugin.client_id;
      delete plugin.client_secret;
      Object.assign(plugin, { scope: `organization-${name}`, clients });
      addToApi(shipped, { name, config });
    });
    expect(await exhaust()).toBe(1);
    const refused = await setup.get(QUEUES);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(30);
    expect((await get('/api/v2/users?pageSize=1')).status).toBe(200);
  });

  it('is met twice where the body cannot be read: a second token that is refused shows it', async () => {
    await usePool({ clients });
    expect(await exhaust()).toBe(2);
  });
});

it('a 429 of one route leaves the others open', async () => {
  setup.genesys.control.setRateLimit(0);
  setup.genesys.control.stub({
    method: 'GET',
    path: '/api/v2/limited',
    status: 429,
    headers: { 'Retry-After': '30' },
    body: {},
  });
  await usePool({ ...first });
  await waitFor('the gateway to answer for the route by itself', async () => {
    const before = setup.genesys.control.counts().apiRequests;
    const response = await get('/api/v2/limited');
    expect(response.status).toBe(429);
    expect((await get()).status).toBe(200);
    return setup.genesys.control.counts().apiRequests === before + 1;
  });
});

it('a pool of three carries 900 requests in a minute', { ...unless(LONG_ONLY), timeout: 90_000 }, async () => {
  setup.genesys.control.setRateLimit(300);
  await usePool({ clients });
  await get();
  setup.genesys.control.resetRateLimits();
  setup.genesys.control.reset();
  const startedAt = performance.now();
  const pending: Promise<number>[] = [];
  await waitFor(
    'a minute',
    () => {
      while (pending.length < 900 && performance.now() - startedAt >= pending.length * (60_000 / 900)) {
        pending.push(get().then(({ status }) => status));
      }
      return pending.length === 900;
    },
    70_000,
  );
  const statuses = await Promise.all(pending);
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  expect(Math.max(...uses()) - Math.min(...uses())).toBeLessThanOrEqual(2);
});
