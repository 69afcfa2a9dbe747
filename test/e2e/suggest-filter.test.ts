/**
 * From report mode to rules: traffic to the simulator through a gateway in report mode, `suggest filter`, `check`, and
 * the suggested rules in place. Then the same traffic shows every value that was to be kept, and nothing else.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { freePort } from '../../kong/testbed/free-port.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { unless } from '../../kong/testbed/unless.js';
import { isPlainObject } from '../../plugins/shared/plain-object.js';
import { GATEWAY_KIND } from './gateway.js';
import { addToApi, type GenesysGateway, startGenesysGateway } from './genesys-gateway.js';

const FILTER = 'genesys-response-filter';
const RULES = [
  { keep: ['id', 'name', 'email', 'division', 'addresses[*].address', 'memberCount', 'pageSize', 'total'] },
];
const folder = mkdtempSync(join(tmpdir(), 'suggest-'));
const command = (...args: string[]): string =>
  execFileSync(process.execPath, [join(ROOT, 'dist/bin/kong-genesys-cloud.js'), ...args], { encoding: 'utf8' });

let setup: GenesysGateway;
let operator: string;

beforeAll(async () => {
  operator = `127.0.0.1:${await freePort()}`;
  const plugins = PLUGINS.map((plugin) =>
    plugin.name === FILTER ? { ...plugin, args: ['--metrics', operator] } : plugin,
  );
  setup = await startGenesysGateway({ plugins });
});
afterAll(async () => {
  await setup?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function traffic(): Promise<unknown[]> {
  const [user] = ((await (await setup.get('/api/v2/users?pageSize=1')).json()) as { entities: { id: string }[] })
    .entities;
  const paths = [
    '/api/v2/users?pageSize=25&pageNumber=2',
    '/api/v2/users?pageSize=25&expand=presence',
    `/api/v2/users/${user?.id}`,
    '/api/v2/routing/queues?pageSize=10',
    '/api/v2/users/nobody-with-this-id',
  ];
  const answers: unknown[] = [];
  for (const path of paths) {
    const { contextId, ...answer } = (await (await setup.get(path)).json()) as Record<string, unknown>;
    answers.push(answer);
  }
  return answers;
}

/** Returns all values with their places, ids left out of the paths. */
function values(body: unknown, place = ''): string[] {
  if (typeof body !== 'object' || body === null) return [`${place}=${body}`];
  return Object.entries(body).flatMap(([key, value]) => values(value, `${place}/${key}`));
}

it(
  'the suggested rules let through what report mode kept, and nothing else',
  unless(GATEWAY_KIND === 'docker' ? "a container does not lend its operators' port" : undefined),
  async () => {
    const inPlace = (config: Record<string, unknown>) =>
      setup.reconfigure((next) => addToApi(next, { name: FILTER, config }));
    await inPlace({ rules: RULES });
    const filtered = await traffic();
    await inPlace({ rules: RULES, mode: 'report' });
    await traffic();

    // One node is asked, and what it answered counts as another one's.
    const node = join(folder, 'node.json');
    writeFileSync(node, await (await fetch(`http://${operator}/removed`)).text());
    const text = command('suggest', 'filter', `http://${operator}`, node);
    expect(command('suggest', 'filter', node, `http://${operator}`)).toBe(text);
    const file = join(folder, 'filter.yml');
    writeFileSync(file, text);
    expect(command('check', file)).toContain('no fault');
    expect(text).toContain('# GET /api/v2/users/*: ');
    // Names only: nothing of a value.
    for (const value of filtered.flatMap((body) => values(body)).map((one) => one.split('=')[1] ?? '')) {
      if (value.length > 8) expect(text).not.toContain(value);
    }

    const document: unknown = parse(text);
    const [entry] = isPlainObject(document) && Array.isArray(document.plugins) ? document.plugins : [];
    await inPlace(entry.config);
    const suggested = await traffic();
    expect(suggested).toEqual(filtered);
  },
);
