/** Who may send which operation of Genesys' API: each one that its SDK knows, under both prefixes. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readingPosts, readOperations } from '../../kong/testbed/operations.js';
import { type GenesysGateway, startGenesysGateway } from './genesys-gateway.js';

const AT_ONCE = 16;
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

let setup: GenesysGateway;
beforeAll(async () => {
  setup = await startGenesysGateway({
    edit: (config) => {
      config.consumers?.push({
        username: 'svc-reader',
        acls: [{ group: 'readers' }],
        keyauth_credentials: [{ key: 'reader-key' }],
      });
    },
  });
  setup.genesys.control.stub({ path: '/api/v2/*', body: Buffer.from('{}') });
});
afterAll(() => setup?.close());

/** Sends each path, and returns those that the gateway refused. */
async function refused(targets: readonly { method: string; path: string }[], key: string): Promise<string[]> {
  const left = [...targets];
  const found: string[] = [];
  const send = async (): Promise<void> => {
    for (let target = left.pop(); target !== undefined; target = left.pop()) {
      const { method, path } = target;
      const init = READING.has(method) ? { method } : { method, body: '{}' };
      const headers = { apikey: key, 'Content-Type': 'application/json' };
      const response = await fetch(`${setup.gateway.url}${path}`, { ...init, headers });
      await response.arrayBuffer();
      if (response.status === 403) found.push(`${method} ${path}`);
      else expect([response.status, method, path]).toEqual([200, method, path]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, send));
  return found.sort();
}

/** Ids in a path are what Genesys' are. */
const concrete = (path: string): string => path.replace(/\{[^}]*\}/g, '0b5d6a7e-1000-4000-8000-000000000001');

it.each(['', '/api'])(
  'a reader may send what reads, and nothing else, below %s/api/v2',
  async (prefix) => {
    const reads = new Set(readingPosts().paths);
    const operations = readOperations().map(({ method, path }) => ({
      method,
      path: `${prefix}${concrete(path)}`,
      mayPass: READING.has(method) || (method === 'POST' && reads.has(path)),
    }));
    expect(operations.length).toBeGreaterThan(3000);
    const expected = operations.filter(({ mayPass }) => !mayPass).map(({ method, path }) => `${method} ${path}`);
    expect(await refused(operations, 'reader-key')).toEqual([...new Set(expected)].sort());
  },
  240_000,
);

it('what looks like a query and changes something needs writers', async () => {
  const paths = [
    '/api/v2/externalcontacts/bulk/contacts/remove',
    '/api/v2/analytics/reporting/settings/dashboards/bulk/remove',
    '/api/v2/analytics/reporting/exports',
    '/api/v2/recording/jobs',
    '/api/v2/analytics/conversations/details/query/',
    '/api/v2/users/search/x',
    '/api/v2/x/users/search',
  ];
  const targets = ['', '/api'].flatMap((prefix) => paths.map((path) => ({ method: 'POST', path: `${prefix}${path}` })));
  expect(await refused(targets, 'reader-key')).toEqual(targets.map(({ path }) => `POST ${path}`).sort());
  expect(await refused(targets.slice(0, 4), 'demo-key')).toEqual([]);
});

it('a query arrives whole at Genesys, under either prefix', async () => {
  setup.genesys.control.reset();
  for (const prefix of ['', '/api'])
    for (const path of ['/api/v2/users/search?x=1', '/api/v2/analytics/conversations/details/query'])
      expect(await refused([{ method: 'POST', path: `${prefix}${path}` }], 'reader-key')).toEqual([]);
  expect(await refused([{ method: 'GET', path: '/api/api/v2/analytics/x/y?z=%20' }], 'reader-key')).toEqual([]);
  const received = setup.genesys.control
    .requests({ kind: 'api' })
    .map(({ method, path, query }) => [method, path, query]);
  expect(received.map(([method, path]) => [method, path])).toEqual([
    ['POST', '/api/v2/users/search'],
    ['POST', '/api/v2/analytics/conversations/details/query'],
    ['POST', '/api/v2/users/search'],
    ['POST', '/api/v2/analytics/conversations/details/query'],
    ['GET', '/api/v2/analytics/x/y'],
  ]);
});
