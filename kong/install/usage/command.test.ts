/** The command `usage` without a gateway: which days it asks about, files in place of nodes, and what it refuses. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { usage } from './command.js';

const folder = mkdtempSync(join(tmpdir(), 'usage-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const here = { env: {}, listClients: () => [], nowMs: Date.parse('2026-11-27T12:00:00Z') };
const file = join(folder, 'usage.json');
const days = { '2026-10-31': 1, '2026-11-22': 2, '2026-11-23': 4, '2026-11-27': 8, '2026-11-29': 16 };
writeFileSync(
  file,
  JSON.stringify({
    namespaces: [{ namespace: 'n', storage: 'file', consumers: [{ id: '1', username: 'crm', requests: 31, days }] }],
  }),
);

it.each([
  [[], '2026-11-01', '2026-11-30', 30],
  [['--month', '2026-10'], '2026-10-01', '2026-10-31', 1],
  [['--week', '2026-11-27'], '2026-11-23', '2026-11-29', 28],
  [['--week', '2026-11-23'], '2026-11-23', '2026-11-29', 28],
  [['--week', '2026-11-22'], '2026-11-16', '2026-11-22', 2],
  [['--day', '2026-11-27'], '2026-11-27', '2026-11-27', 8],
])('%j is from %s to %s', async (options, since, until, requests) => {
  const { text } = await usage([...options, '--format', 'json', file], here);
  expect(JSON.parse(text)).toMatchObject({ span: { since, until }, consumers: [{ name: 'crm', requests }] });
});

it('asks a node for both answers by day, and takes one that only has the one', async () => {
  const asked: (string | undefined)[] = [];
  const node = createServer(({ url }, response) => {
    asked.push(url);
    const isUsage = url?.startsWith('/usage?');
    response.writeHead(isUsage ? 200 : 404).end(isUsage ? '{"namespaces":[]}' : '{}');
  });
  await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
  const { port } = node.address() as AddressInfo;
  const { text } = await usage(['--day', '2026-11-27', `http://127.0.0.1:${port}`, file], here);
  expect(asked.sort()).toEqual(
    ['/usage', '/usage/clients'].map((path) => `${path}?since=2026-11-27&until=2026-11-27&by=day`).sort(),
  );
  expect(text).toContain('! Genesys was not asked');
  node.close();
  await expect(usage([`http://127.0.0.1:${port}`], here)).rejects.toThrow(
    'no answer; is it the address after --metrics?',
  );
});

it.each([
  [[], 'usage: kong-genesys-cloud usage'],
  [['--day', '2026-02-30', file], '--day 2026-02-30: a day'],
  [['--month', '2026-11-27', file], '--month 2026-11-27: a month'],
  [['--day', '2026-11-27', '--month', '2026-11', file], 'one of them'],
  [['--allocation', 'many', file], '--allocation many: a number'],
  [['--price', '1', file], '--price: needs --allocation'],
  [['--format', 'xml', file], '--format xml: one of table, csv, json'],
  [[join(folder, 'none.json')], 'none.json: cannot be read (ENOENT)'],
])('refuses %j', async (args, message) => {
  await expect(usage(args, here)).rejects.toThrow(message);
});
