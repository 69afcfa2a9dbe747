/** Operations are found in what genesys-pii-log really writes: with ids, and with paths that are masked. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildEntry } from '../../../plugins/genesys-pii-log/entry/entry.js';
import { parseKongEntry } from '../../../plugins/genesys-pii-log/entry/kong-entry.js';
import { toLine } from '../../../plugins/genesys-pii-log/entry/line.js';
import { ExtraSearchTime } from '../../../plugins/genesys-pii-log/mask/search-time.js';
import { HASH_KEY, testConfig } from '../../../plugins/genesys-pii-log/testing/config.js';
import { kongEntry } from '../../../plugins/genesys-pii-log/testing/entry.js';
import { realClock } from '../../../plugins/shared/clock.js';
import { runRoutes } from '../../../test/support/routes.js';
import { ROOT } from '../../testbed/plugin-server.js';
import type { Api } from './api.js';
import { countCalls } from './log.js';
import { readApi } from './source.js';

const UUID = '0b5d6a7e-1000-4000-8000-000000000001';
const folder = mkdtempSync(join(tmpdir(), 'routes-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let api: Api;
beforeAll(async () => {
  api = await readApi(undefined, [ROOT]);
});

const POLICIES = new Map<object, ReturnType<typeof testConfig>['policy']>();

/** The line that the plugin writes for a request. */
async function lineOf(
  request: object,
  { config = {}, format = 'native' as 'native' | 'ecs', kong = {}, source = 'service' } = {},
): Promise<string> {
  const observed = {
    kong: parseKongEntry(JSON.stringify(kongEntry({ request, ...kong }))),
    source,
    credentialId: undefined,
    requestBody: undefined,
    responseBody: undefined,
  };
  const policy = POLICIES.get(config) ?? testConfig(config).policy;
  POLICIES.set(config, policy);
  const entry = await buildEntry(observed, policy, new ExtraSearchTime(realClock));
  return toLine(entry, format).json;
}

const idsOf = ({ operations }: Awaited<ReturnType<typeof countCalls>>) =>
  [...operations].map(([{ id }, count]) => [id, count]);

describe.each([
  ['ids', UUID, {}],
  ['names, which are masked', 'jane.roe', {}],
  ['names, which are hashed', 'jane.roe', { mask: 'hash', hash_key: HASH_KEY }],
  ['names, of which the end is shown', 'jane.roe@example.com', { mask: 'partial' }],
])('paths with %s', (_, value, config) => {
  it('are those of each operation of the SDK', async () => {
    const lines: string[] = [];
    for (const { method, path } of api.operations) {
      const uri = `${path.replace(/\{\w+\}/g, value)}?pageSize=25`;
      lines.push(await lineOf({ method, uri }, { config }));
    }
    const { operations, unknown } = await countCalls(lines, api);
    expect(unknown).toEqual([]);
    expect([...operations.keys()].map(({ id }) => id)).toEqual(api.operations.map(({ id }) => id));
    expect([...new Set(operations.values())]).toEqual([1]);
  }, 60_000);
});

it('entries count once each, under either prefix, and in ECS too', async () => {
  const lines = await Promise.all([
    lineOf({ method: 'GET', uri: '/api/v2/users?pageSize=2' }),
    lineOf({ method: 'GET', uri: '/api/api/v2/users' }),
    lineOf({ method: 'GET', uri: '/api/v2/users' }, { format: 'ecs' }),
    lineOf({ method: 'HEAD', uri: `/api/v2/users/${UUID}` }),
    lineOf({ method: 'POST', uri: '/api/v2/users/search' }),
  ]);
  const called = await countCalls(lines, api);
  expect(idsOf(called)).toEqual([
    ['getUsers', 3],
    ['getUser', 1],
    ['postUsersSearch', 1],
  ]);
  expect(called).toMatchObject({ entries: 5, otherLines: 0, notSent: 0, unknown: [] });
});

it('what never reached Genesys was not called; what the filter has replaced was', async () => {
  const refused = { kong: { tries: [], upstream_status: undefined, response: { status: 401 } }, source: 'exit' };
  const called = await countCalls(
    await Promise.all([
      lineOf({ uri: '/api/v2/routing/queues' }, refused),
      lineOf({ uri: '/api/v2/routing/skills' }, { ...refused, format: 'ecs' }),
      lineOf({ uri: '/api/v2/users' }, { source: 'exit' }),
    ]),
    api,
  );
  expect(idsOf(called)).toEqual([['getUsers', 1]]);
  expect(called.notSent).toBe(2);
});

it('what is no operation is told, the most frequent first', async () => {
  const unknown = await Promise.all(
    ['/directory', `/api/v2/none/${UUID}`, '/api/v2/none/17'].map((uri) => lineOf({ uri })),
  );
  const called = await countCalls([...unknown, 'not JSON', '{"type":"report","dropped":1}', '', '[]'], api);
  expect(called.unknown).toEqual([
    ['GET /api/v2/***REDACTED***/{id}', 2],
    ['GET /***REDACTED***', 1],
  ]);
  expect(called.otherLines).toBe(3);
});

describe('the command', () => {
  it('chooses what was called, by whom it was', async () => {
    const file = join(folder, 'audit.log');
    const bob = { consumer: { id: UUID, username: 'bob' } };
    const lines = await Promise.all([
      lineOf({ method: 'GET', uri: '/api/v2/users' }),
      lineOf({ method: 'GET', uri: '/api/v2/users' }),
      lineOf({ method: 'GET', uri: '/api/v2/routing/queues' }, { kong: bob }),
      lineOf({ method: 'GET', uri: '/directory' }),
    ]);
    writeFileSync(file, `${lines.join('\n')}\n`);
    const all = await runRoutes('--from-log', file, '--list');
    expect(all.text).toBe(
      'getRoutingQueues  # read: GET /api/v2/routing/queues, 1 call\ngetUsers  # read: GET /api/v2/users, 2 calls\n',
    );
    expect(all.notes).toEqual([
      `${file}: 4 requests, 0 of which the gateway answered itself, of 2 operations`,
      `${file}: of no operation, 1 of the requests: GET /***REDACTED***`,
    ]);
    const ofBob = await runRoutes('--from-log', file, '--consumer', 'bob', '--tag', 'Billing', '--list');
    expect(ofBob.text).toContain('getRoutingQueues');
    expect(ofBob.text).toContain('getBilling');
    expect(ofBob.text).not.toContain('getUsers');
    const made = await runRoutes('--from-log', file, '--consumer', 'bob');
    expect(made.text).toContain('~/api/v2/routing/queues$');
    expect(made.text).not.toContain('/api/v2/users');
  });

  it('refuses a log in which nothing was called, and one that is not there', async () => {
    const file = join(folder, 'empty.log');
    writeFileSync(file, '');
    await expect(runRoutes('--from-log', file)).rejects.toThrow('0 requests');
    await expect(runRoutes('--from-log', '/nowhere.log')).rejects.toThrow('/nowhere.log: cannot be read (ENOENT)');
  });
});
