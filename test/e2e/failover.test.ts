/**
 * Two regions, which are two organisations: whatever fails, a request carries the token of the region that it is sent to,
 * and writes stay with the primary. After every case both simulators are asked what they received.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../kong/testbed/free-port.js';
import {
  DEFAULT_CLIENT,
  type Fault,
  type GenesysCloud,
  startGenesysCloud,
} from '../../kong/testbed/genesys-cloud/index.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { type Relay, startRelay } from '../support/relay.js';
import { type GenesysGateway, startGenesysGateway, tokenManagerConfig } from './genesys-gateway.js';

const PATH = '/api/v2/tokens/me';
const READS = ['GET', 'HEAD'];
/** Recovery waits for what the plugin remembers of a login that failed: up to 10 s. */
const PATIENCE_MS = 25_000;

/** A region as the tests break it. */
interface Region {
  name: string;
  client: { clientId: string; clientSecret: string };
  cloud: GenesysCloud;
  api: Relay;
  login: Relay;
}

let setup: GenesysGateway;
let eu: Region;
let us: Region;
let metrics: string;
let runs = 0;

async function startRegion(name: string, cloud: GenesysCloud, client: Region['client']): Promise<Region> {
  return { name, client, cloud, api: await startRelay(cloud.port), login: await startRelay(cloud.port) };
}

beforeAll(async () => {
  const port = await freePort();
  metrics = `http://127.0.0.1:${port}`;
  const ofUs = { clientId: 'client-us', clientSecret: 'secret-us' };
  const plugins = PLUGINS.map((plugin) =>
    plugin.name === 'genesys-token-manager' ? { ...plugin, args: ['--metrics', `127.0.0.1:${port}`] } : plugin,
  );
  setup = await startGenesysGateway({ region: 'eu_central_1', users: 10, plugins });
  const other = await startGenesysCloud({ region: 'us_east_1', clients: [ofUs], users: 10, rateLimitPerMinute: 0 });
  eu = await startRegion('eu', setup.genesys, DEFAULT_CLIENT);
  us = await startRegion('us', other, ofUs);
});
afterAll(async () => {
  await setup?.close();
  for (const region of [eu, us]) {
    await region?.api.close();
    await region?.login.close();
  }
  await us?.cloud.close();
});
beforeEach(async () => {
  runs += 1;
  for (const { cloud, api, login } of [eu, us]) {
    await api.accept();
    await login.accept();
    cloud.control.clearFaults();
    cloud.control.clearStubs();
    cloud.control.setTokenLifetime(null);
    cloud.control.reset();
  }
});
afterEach(() => {
  for (const { cloud, client } of [eu, us]) {
    expect(cloud.control.counts().unauthorized).toBe(0);
    for (const request of cloud.control.requests()) {
      const carried = request.headers.authorization;
      if (request.kind === 'login') expect(carried).toBe(`Basic ${client.clientId}`);
      else expect([request.authorized, request.clientId, carried]).toEqual([true, client.clientId, carried]);
    }
  }
  const methods = new Set(us.cloud.control.requests({ kind: 'api' }).map(({ method }) => method));
  expect([...methods].filter((method) => !READS.includes(method))).toEqual([]);
});

/** As it should be written, and as the vault gives it. */
const OF_ENVIRONMENT = {
  client_id: '{vault://env/genesys-client-id}',
  client_secret: '{vault://env/genesys-client-secret}',
};
const literal = ({ client }: Region) => ({ client_id: client.clientId, client_secret: client.clientSecret });

const upstreamOf = ({ name }: Region): string => `${name}-${runs}`;

/** Puts both regions in place, under names and with tokens that no earlier case used. */
async function useRegions({
  failover = {},
  plugin = {},
  service = {},
  upstream = {},
  filter = false,
}: {
  failover?: Record<string, unknown>;
  plugin?: Record<string, unknown>;
  service?: Record<string, unknown>;
  upstream?: Record<string, unknown>;
  filter?: boolean;
} = {}): Promise<void> {
  await setup.reconfigure((config) => {
    const [first] = config.services;
    if (first === undefined) throw new Error('no service');
    for (const each of config.services.filter(({ tags }) => tags?.includes('genesys-cloud'))) {
      Object.assign(each, {
        url: `http://${upstreamOf(eu)}${each.path ?? ''}`,
        read_timeout: 700,
        retries: 0,
        ...service,
      });
    }
    config.upstreams = [eu, us].map((region) => ({
      name: upstreamOf(region),
      targets: [{ target: region.api.address }],
      ...upstream,
    }));
    const manager = tokenManagerConfig(config);
    for (const field of ['region', 'token_url', 'client_id', 'client_secret']) delete manager[field];
    Object.assign(manager, {
      scope: `failover-${runs}`,
      timeout_ms: 700,
      max_attempts: 1,
      regions: [eu, us].map((region) => ({
        name: region.name,
        token_url: `http://${region.login.address}/oauth/token`,
        upstream: upstreamOf(region),
        ...(region === eu ? OF_ENVIRONMENT : literal(region)),
      })),
      failover: { failures: 2, probe_after_seconds: 1, response_header: 'X-Genesys-Region', ...failover },
      ...plugin,
    });
    if (!filter) return;
    for (const { plugins } of first.routes) {
      plugins.push({ name: 'genesys-response-filter', config: { rules: [{ keep: ['id'] }], on_no_match: 'pass' } });
    }
  });
}

/** A region out of order, by name. */
const OUTAGES: Record<string, (region: Region) => Promise<void>> = {
  'refuses connections': ({ api }) => api.refuse(),
  'answers 503': async ({ cloud }) => cloud.control.setFault('api', { status: 503 }),
  'does not answer': async ({ cloud }) => cloud.control.setFault('api', { hang: true }),
  'breaks off': async ({ cloud }) => cloud.control.setFault('api', { drop: true }),
};

async function mend({ cloud, api, login }: Region): Promise<void> {
  cloud.control.clearFaults();
  await api.accept();
  await login.accept();
}

interface Answer {
  status: number;
  region: string | null;
  code: string | undefined;
  retryAfter: string | null;
}

async function send(method = 'GET', path = PATH): Promise<Answer> {
  const body = method === 'POST' ? { body: '{"name":"a queue"}', headers: { 'Content-Type': 'application/json' } } : {};
  const response = await setup.get(path, { method, ...body });
  const text = await response.text();
  const code = text.startsWith('{') ? (JSON.parse(text) as { code?: string }).code : undefined;
  const { headers, status } = response;
  return { status, code, region: headers.get('x-genesys-region'), retryAfter: headers.get('retry-after') };
}

const write = (): Promise<Answer> => send('POST', '/api/v2/routing/queues');

/** Reads until one is served by a region and went well. */
async function readsAreServedBy({ name }: Region): Promise<void> {
  await waitFor(
    `${name} to serve`,
    async () => {
      const { status, region } = await send();
      return status === 200 && region === name;
    },
    PATIENCE_MS,
  );
}

/** Waits until a region is up or lost, as the operator is told. */
async function stateIs({ name }: Region, wanted: 'up' | 'lost', while_: () => Promise<unknown> = () => send()) {
  await waitFor(
    `${name} to be ${wanted}`,
    async () => {
      await while_();
      return (await regionState(name)).state === wanted;
    },
    PATIENCE_MS,
  );
}

async function regionState(name: string): Promise<{ state: string; served: number }> {
  const { groups } = (await (await fetch(`${metrics}/regions`)).json()) as {
    groups: { regions: { name: string; upstream: string; state: string; served: number }[] }[];
  };
  const found = groups.flatMap(({ regions }) => regions).filter(({ upstream }) => upstream === `${name}-${runs}`);
  const [state] = found;
  if (state === undefined) throw new Error(`no region ${name}`);
  return state;
}

const apiRequests = ({ cloud }: Region): number => cloud.control.counts().apiRequests;

describe('in good times', () => {
  it('the primary serves, and the client learns it only if it shall', async () => {
    await useRegions();
    expect(await send()).toMatchObject({ status: 200, region: 'eu' });
    expect(await write()).toMatchObject({ status: 200, region: 'eu' });
    await useRegions({ failover: { response_header: null } });
    expect(await send()).toMatchObject({ status: 200, region: null });
    expect(apiRequests(us)).toBe(0);
    expect(us.cloud.control.counts().tokenRequests).toBe(0);
  });

  it('what is not found, not allowed or throttled is no failure', async () => {
    await useRegions({ failover: { failures: 1 } });
    for (const status of [400, 404, 429]) {
      eu.cloud.control.stub({ path: `/api/v2/odd/${status}`, status, body: {} });
      expect(await send('GET', `/api/v2/odd/${status}`)).toMatchObject({ status, region: 'eu' });
    }
    for (let i = 0; i < 10; i += 1) expect(await send()).toMatchObject({ status: 200, region: 'eu' });
  });
});

describe.each(Object.entries(OUTAGES))("a region's API that %s", (_, breakIt) => {
  it('loses the reads to the next region, keeps the writes, and gets the reads back', async () => {
    await useRegions();
    expect(await send()).toMatchObject({ status: 200, region: 'eu' });
    await breakIt(eu);
    await stateIs(eu, 'lost');
    await readsAreServedBy(us);
    // Only a request that probes meets the outage, one in a second.
    const startedAt = performance.now();
    const reads: Answer[] = [];
    for (let i = 0; i < 15; i += 1) reads.push(await send(i % 3 === 0 ? 'HEAD' : 'GET'));
    const failed = reads.filter(({ status }) => status !== 200);
    expect(failed.length).toBeLessThanOrEqual(2 + (performance.now() - startedAt) / 1000);
    for (const { region } of reads.filter(({ status }) => status === 200)) expect(region).toBe('us');
    // A write is tried at the primary, and nowhere else (afterEach looks at what arrived).
    const written = await write();
    expect(written.status).toBeGreaterThanOrEqual(500);
    expect(written.region).toBe('eu');
    await mend(eu);
    await stateIs(eu, 'up');
    await readsAreServedBy(eu);
    expect(await write()).toMatchObject({ status: 200, region: 'eu' });
  });
});

describe("a region's login that is down", () => {
  it.each<[string, Fault]>([
    ['answers 503', { status: 503 }],
    ['does not answer', { hang: true }],
    ['refuses the client', { invalidClient: true }],
  ])('and %s costs no read, keeps the writes, and gets the reads back', async (_, fault) => {
    eu.cloud.control.setFault('login', fault);
    await useRegions();
    for (let i = 0; i < 5; i += 1) expect(await send()).toMatchObject({ status: 200, region: 'us' });
    await stateIs(eu, 'lost');
    const refused = await write();
    expect(refused).toMatchObject({ status: 503, code: 'gateway.token.unavailable', region: null });
    expect(Number(refused.retryAfter)).toBeGreaterThanOrEqual(1);
    expect(apiRequests(eu)).toBe(0);
    await mend(eu);
    // Neither does the return: a probe does not wait for its token.
    await waitFor(
      'eu to be up',
      async () => {
        expect((await send()).status).toBe(200);
        return (await regionState('eu')).state === 'up';
      },
      PATIENCE_MS,
    );
    expect(await send()).toMatchObject({ status: 200, region: 'eu' });
  });

  it('and refuses connections matters once the token has expired', async () => {
    eu.cloud.control.setTokenLifetime(2);
    await useRegions();
    expect(await send()).toMatchObject({ status: 200, region: 'eu' });
    await eu.login.refuse();
    await waitFor(
      'eu to be lost',
      async () => {
        expect((await send()).status).toBe(200);
        return (await regionState('eu')).state === 'lost';
      },
      PATIENCE_MS,
    );
    eu.cloud.control.setTokenLifetime(null);
    await mend(eu);
    await readsAreServedBy(eu);
  });
});

describe('everything at once', () => {
  it('API and login of the primary down: the next region serves, and the primary comes back', async () => {
    eu.cloud.control.setTokenLifetime(2);
    await useRegions();
    await send();
    await eu.api.refuse();
    await eu.login.refuse();
    await stateIs(eu, 'lost');
    await readsAreServedBy(us);
    expect((await write()).status).toBeGreaterThanOrEqual(500);
    eu.cloud.control.setTokenLifetime(null);
    await mend(eu);
    await stateIs(eu, 'up');
    await readsAreServedBy(eu);
  });

  it('both regions down, and the second one back first', async () => {
    await useRegions();
    await send();
    await eu.api.refuse();
    await us.api.refuse();
    await stateIs(eu, 'lost');
    await stateIs(us, 'lost');
    expect((await send()).status).toBeGreaterThanOrEqual(500);
    await mend(us);
    await readsAreServedBy(us);
    await stateIs(us, 'up');
    await mend(eu);
    await stateIs(eu, 'up');
    await readsAreServedBy(eu);
  });

  it('a response phase on the route changes nothing of it', async () => {
    await useRegions({ filter: true });
    expect(await send()).toMatchObject({ status: 200, region: 'eu' });
    for (const breakIt of Object.values(OUTAGES)) {
      await breakIt(eu);
      await stateIs(eu, 'lost');
      await readsAreServedBy(us);
      expect((await write()).status).toBeGreaterThanOrEqual(500);
      await mend(eu);
      await stateIs(eu, 'up');
      await readsAreServedBy(eu);
    }
  });
});

describe("Kong's upstreams", () => {
  it('a region without a healthy target is lost at once', async () => {
    const passive = { unhealthy: { http_failures: 1, http_statuses: [502] }, healthy: { successes: 1 } };
    await useRegions({ failover: { failures: 1000 }, upstream: { healthchecks: { passive } } });
    await send();
    await eu.api.refuse();
    expect((await send()).status).toBe(502);
    await stateIs(eu, 'lost');
    await readsAreServedBy(us);
    expect(await write()).toMatchObject({ status: 503, code: undefined });
  });

  it('an upstream that Kong does not know is a 503, and nothing is sent', async () => {
    await useRegions();
    const [first] = [upstreamOf(eu)];
    await setup.reconfigure((config) => {
      const [service] = config.services;
      if (service) service.url = `http://${first}`;
      config.upstreams = [{ name: first, targets: [{ target: eu.api.address }] }];
      const manager = tokenManagerConfig(config);
      for (const field of ['region', 'token_url', 'client_id', 'client_secret']) delete manager[field];
      manager.regions = [eu, us].map((region) => ({
        name: region.name,
        token_url: `http://${region.login.address}/oauth/token`,
        upstream: `unknown-${region.name}`,
        ...literal(region),
      }));
    });
    for (const answer of [await send(), await write()]) {
      expect(answer).toMatchObject({ status: 503, code: 'gateway.upstream.unavailable', region: null });
    }
    for (const region of [eu, us]) {
      expect(region.cloud.control.counts()).toMatchObject({ apiRequests: 0, tokenRequests: 0 });
    }
    await waitFor('the log line', () => /region eu: Kong has no upstream \\*"unknown-eu/.test(setup.gateway.log()));
  });

  it('a service whose host is an address cannot be moved: Kong answers 500, and nothing is sent', async () => {
    await useRegions({ service: { url: `http://${us.api.address}` } });
    expect((await send()).status).toBe(500);
    expect([apiRequests(eu), apiRequests(us)]).toEqual([0, 0]);
  });

  it.each([
    [false, 'eu, forged'],
    [true, 'forged'],
  ])(
    'a response header of the same name that the service sends does not give way (buffered: %s)',
    async (filter, sent) => {
      await useRegions({ filter });
      eu.cloud.control.stub({ path: '/api/v2/odd', headers: { 'X-Genesys-Region': 'forged' }, body: {} });
      expect((await send('GET', '/api/v2/odd')).region).toBe(sent);
    },
  );
});

describe('under load', () => {
  it('a region that comes and goes: no token goes to the other, no write either, and both serve', async () => {
    await useRegions({ failover: { failures: 2, probe_after_seconds: 0.3 } });
    await send();
    const answers: Answer[] = [];
    let ended = false;
    const client = async (method: 'GET' | 'POST'): Promise<void> => {
      while (!ended) answers.push(await (method === 'GET' ? send() : write()));
    };
    const clients = (['GET', 'GET', 'GET', 'GET', 'POST', 'POST'] as const).map(client);
    const idle = async (): Promise<void> => {
      const until = answers.length + 20;
      await waitFor('more requests', () => answers.length > until);
    };
    try {
      for (const breakIt of [OUTAGES['refuses connections'], OUTAGES['answers 503'], OUTAGES['breaks off']]) {
        await breakIt?.(eu);
        await stateIs(eu, 'lost', idle);
        await idle();
        await mend(eu);
        await stateIs(eu, 'up', idle);
        // Off and on again faster than anybody can tell.
        for (let i = 0; i < 5; i += 1) {
          await breakIt?.(eu);
          await idle();
          await mend(eu);
          await idle();
        }
        await stateIs(eu, 'up', idle);
      }
    } finally {
      ended = true;
      await Promise.all(clients);
    }
    const servedBy = (name: string): number => answers.filter(({ region }) => region === name).length;
    expect(servedBy('us')).toBeGreaterThan(0);
    expect(servedBy('eu')).toBeGreaterThan(0);
    const { served } = await regionState('us');
    expect(served).toBe(apiRequests(us));
  }, 90_000);
});

describe('an operator', () => {
  it('has another region serve the reads, and gives them back', async () => {
    await useRegions();
    await send();
    const ask = (path: string) => fetch(`${metrics}${path}`, { method: 'POST' });
    expect((await ask('/regions/use?name=us')).status).toBe(200);
    try {
      expect(await send()).toMatchObject({ status: 200, region: 'us' });
      expect(await write()).toMatchObject({ status: 200, region: 'eu' });
    } finally {
      expect((await ask('/regions/auto')).status).toBe(200);
    }
    expect(await send()).toMatchObject({ status: 200, region: 'eu' });
  });
});

it('a configuration that mixes regions with one client is refused with the field', async () => {
  const mixed = useRegions({ plugin: { client_id: 'x', region: 'us_east_1' } });
  await expect(mixed).rejects.toThrow(/only one or none of these fields must be set: 'client_id', 'regions'/);
});
