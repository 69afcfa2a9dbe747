/**
 * The configuration that ships with kong/failover.yml over it, before two organisations of Genesys Cloud: who serves while
 * both are well, and while the first one is down. failover.test.ts has all that regions can do.
 */
import { resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { KongConfig } from '../../kong/testbed/development-config.js';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { applyDeckPatches } from '../support/deck-patch.js';
import { type GenesysGateway, startGenesysGateway } from './genesys-gateway.js';

const SECOND_CLIENT = { clientId: 'client-of-the-second', clientSecret: 'secret-of-the-second' };
const READS = ['/api/v2/users', '/api/api/v2/users', '/directory', '/agents', '/api/v2/routing/skills'];

let setup: GenesysGateway;
let first: GenesysCloud;
let second: GenesysCloud;

beforeAll(async () => {
  second = await startGenesysCloud({ region: 'us_west_2', clients: [SECOND_CLIENT], users: 10, rateLimitPerMinute: 0 });
  setup = await startGenesysGateway({
    region: 'us_east_1',
    users: 10,
    env: {
      GENESYS_US_WEST_2_CLIENT_ID: SECOND_CLIENT.clientId,
      GENESYS_US_WEST_2_CLIENT_SECRET: SECOND_CLIENT.clientSecret,
    },
    edit: switchOn,
  });
  first = setup.genesys;
});
afterAll(async () => {
  await setup?.close();
  await second?.close();
});
beforeEach(() => {
  for (const cloud of [first, second]) cloud.control.reset();
  for (const cloud of [first, second]) cloud.control.stub({ path: '/api/v2/routing/skills', body: { entities: [] } });
});

/** Puts the overlay over it, and simulators in the places of its regions. */
function switchOn(config: KongConfig): void {
  applyDeckPatches(config, resolve(ROOT, 'kong/failover.yml'));
  const plugins = config.services.flatMap(({ routes }) => routes).flatMap((route) => route.plugins);
  for (const { config: settings } of plugins.filter(({ name }) => name === 'genesys-token-manager')) {
    const [primary, other] = settings.regions as Record<string, unknown>[];
    if (primary === undefined || other === undefined) throw new Error('failover.yml has no two regions');
    // Of the simulator that developmentConfig has put into kong.yml; once, where routes share the entry.
    primary.token_url ??= settings.token_url;
    other.token_url = second.tokenUrl;
    for (const region of [settings, primary, other]) delete region.region;
    delete settings.token_url;
  }
  const upstream = config.upstreams.find(({ name }) => name === 'genesys-us-west-2');
  if (upstream === undefined) throw new Error('failover.yml has no second upstream');
  upstream.targets = [{ target: new URL(second.url).host }];
  delete upstream.healthchecks;
}

async function send(path: string, init: RequestInit = {}): Promise<[number, string | null]> {
  const response = await setup.get(path, init);
  await response.arrayBuffer();
  return [response.status, response.headers.get('x-genesys-region')];
}

const write = () =>
  send('/api/v2/routing/queues', {
    method: 'POST',
    body: '{"name":"a queue"}',
    headers: { 'Content-Type': 'application/json' },
  });

/** Method and OAuth client of each request that came to an organisation's API with a token of its own. */
function received({ control }: GenesysCloud): string[] {
  const requests = control.requests({ kind: 'api' });
  expect(requests.filter(({ authorized }) => !authorized)).toEqual([]);
  return [...new Set(requests.map(({ method, clientId }) => `${method} ${clientId}`))].sort();
}

it('while both are well, everything goes to the first', async () => {
  for (const path of READS) expect([path, ...(await send(path))]).toEqual([path, 200, 'us-east-1']);
  expect(await write()).toEqual([200, 'us-east-1']);
  expect(received(first)).toEqual([`GET ${DEFAULT_CLIENT.clientId}`, `POST ${DEFAULT_CLIENT.clientId}`]);
  expect(second.control.counts()).toMatchObject({ apiRequests: 0, tokenRequests: 0 });
});

it('while the first is down, the second serves reads with its own token, and gets no write', async () => {
  first.control.setFault('api', { drop: true });
  try {
    await waitFor('the second to serve', async () => {
      const [status, region] = await send('/api/v2/users');
      return status === 200 && region === 'us-west-2';
    });
    for (const path of READS) expect([path, ...(await send(path))]).toEqual([path, 200, 'us-west-2']);
    expect(await write()).toEqual([502, 'us-east-1']);
    expect(received(second)).toEqual([`GET ${SECOND_CLIENT.clientId}`]);
    expect(second.control.counts()).toMatchObject({ tokenRequests: 1, unauthorized: 0 });
  } finally {
    first.control.clearFaults();
  }
});
