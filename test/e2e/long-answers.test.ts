/**
 * Answers of a service that are longer than anything reads of them: the plugin servers do not hold them, whether their length is
 * declared or not; what is blocked is logged with the size that it had; and many answers that are read are read in turn.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { type AuditLog, openAuditLog } from '../support/audit-log.js';
import { GATEWAY_KIND, type Gateway, startGateway } from './gateway.js';

const FILTER = 'genesys-response-filter';
const LOG = 'genesys-pii-log';
const MEGABYTE = 1e6;
/** Over max_body_bytes, and over what the audit log reads. */
const LONG = 40 * MEGABYTE;

let folder: string;
let audit: AuditLog;
let service: Server;
let gateway: Gateway;

/** Answers with as many bytes of JSON as the path says: `/declared/40000000`, `/undeclared/40000000`. */
function startService(): Promise<Server> {
  const server = createServer((request, response) => {
    const [, , how, bytes] = (request.url ?? '').split('/');
    const body = Buffer.concat([
      Buffer.from('{"id":1,"x":"'),
      Buffer.alloc(Number(bytes) - 15, 'x'),
      Buffer.from('"}'),
    ]);
    response.setHeader('Content-Type', 'application/json');
    if (how === 'declared') response.setHeader('Content-Length', body.length);
    else response.flushHeaders();
    response.end(body);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'long-'));
  audit = openAuditLog(join(folder, 'audit.log'));
  service = await startService();
  const plugins = [
    { name: FILTER, config: { rules: [{ keep: ['id'] }] } },
    { name: LOG, config: { values: 'detect', sinks: [{ type: 'file', path: audit.path }] } },
  ];
  const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  gateway = await startGateway({
    config: {
      services: [{ name: 'long', url, routes: [{ name: 'long', paths: ['/long'], strip_path: false, plugins }] }],
    },
    plugins: PLUGINS.filter(({ name }) => name === FILTER || name === LOG).map((plugin) => ({
      ...plugin,
      args: plugin.name === LOG ? ['--log-dir', folder] : [],
    })),
  });
});
afterAll(async () => {
  await gateway?.close();
  service?.closeAllConnections();
  service?.close();
  rmSync(folder, { recursive: true, force: true });
});
// Warm, so that what a process takes later is for bodies.
beforeEach(async () => {
  for (let count = 0; count < 50; count += 1) expect((await get('declared', 20_000)).status).toBe(200);
});

async function get(how: string, bytes: number, method = 'GET'): Promise<{ status: number; id: string; body: string }> {
  const response = await fetch(`${gateway.url}/long/${how}/${bytes}`, { method });
  return { status: response.status, id: response.headers.get('x-kong-request-id') ?? '', body: await response.text() };
}

/** By how many megabytes the memory of the plugin servers grew at most while something ran; undefined where they cannot be seen. */
async function growth(run: () => Promise<void>): Promise<number[] | undefined> {
  const pids = [FILTER, LOG].flatMap((name) => gateway.pluginServerPid(name) ?? []);
  const megabytes = (pid: number, field: string): number =>
    (Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024) /
    MEGABYTE;
  const before = pids.map((pid) => {
    // Makes the highest so far what it is now (proc(5)).
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return megabytes(pid, 'VmRSS');
  });
  await run();
  return GATEWAY_KIND === 'docker'
    ? undefined
    : pids.map((pid, index) => megabytes(pid, 'VmHWM') - (before[index] ?? 0));
}

describe.each(['declared', 'undeclared'])('three answers of 40 MB whose length is %s', (how) => {
  it('are blocked, logged with their size, and held by no plugin server', async () => {
    const ids: string[] = [];
    const grown = await growth(async () => {
      const answers = await Promise.all(['GET', 'GET', 'POST'].map((method) => get(how, LONG, method)));
      expect(answers.map(({ status }) => status)).toEqual([502, 502, 200]);
      for (const { body, id } of answers) {
        expect(JSON.parse(body)).toMatchObject({ code: 'gateway.response.blocked' });
        ids.push(id);
      }
      for (const id of ids) {
        const { response } = await audit.entryOf(id);
        expect(response.body).toMatchObject({ bytes: LONG, omitted: 'too_large' });
      }
    });
    // One of them alone would be more, and all of them were: 120 MB and as much again.
    for (const megabytes of grown ?? []) expect(megabytes).toBeLessThan(how === 'declared' ? 20 : 60);
    expect(gateway.log()).not.toMatch(/lua entry thread aborted|bad argument/);
  });
});

it.each(['declared', 'undeclared'])(
  'thirty answers of 10 MB whose length is %s are all filtered, in turn',
  async (how) => {
    const grown = await growth(async () => {
      const answers = await Promise.all(Array.from({ length: 30 }, () => get(how, 10 * MEGABYTE)));
      expect(new Set(answers.map(({ status, body }) => `${status} ${body}`))).toEqual(new Set(['200 {"id":1}']));
    });
    // Of the filter 32 MiB of bodies, in three copies at most; of the log 64 MiB, in the same process or in its own.
    const isOneProcess = gateway.pluginServerPid(FILTER) === gateway.pluginServerPid(LOG);
    expect(grown?.[0] ?? 0).toBeLessThan(isOneProcess ? 160 + 67 : 160);
    await waitFor('the log events', () => audit.entries().length >= 30);
  },
);
