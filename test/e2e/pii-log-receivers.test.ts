/** Entries on their way through a gateway to real receivers: rsyslog over UDP, TCP and TLS, and a receiver over HTTP. */
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../kong/testbed/wait-for.js';
import type { Entry } from '../../plugins/genesys-pii-log/entry/entry.js';
import { type AuditLog, openAuditLog } from '../support/audit-log.js';
import { type HttpReceiver, startHttpReceiver } from '../support/http-receiver.js';
import { type MirrorService, startMirrorService } from '../support/mirror-service.js';
import { RSYSLOG_MISSING, RSYSLOG_TLS_MISSING, type Rsyslog, startRsyslog } from '../support/rsyslog.js';
import { GATEWAY_KIND, type Gateway, startGateway } from './gateway.js';

/** UDP has the default, which is short; the others take whole entries. */
const MAX_MESSAGE_BYTES = { udp: 8192, tcp: 120_000, tls: 120_000 };

let logDir: string;
let audit: AuditLog;
let gateway: Gateway;
let mirror: MirrorService;
let receiver: HttpReceiver;
let rsyslog: Rsyslog | undefined;

beforeAll(async () => {
  logDir = mkdtempSync(join(tmpdir(), 'audit-'));
  audit = openAuditLog(join(logDir, 'audit.log'));
  mirror = await startMirrorService();
  receiver = await startHttpReceiver();
  if (RSYSLOG_MISSING === undefined) rsyslog = await startRsyslog();
  const syslog = (protocol: 'udp' | 'tcp' | 'tls') => ({
    type: 'syslog',
    host: protocol === 'tls' ? 'localhost' : '127.0.0.1',
    port: rsyslog?.ports[protocol],
    protocol,
    max_message_bytes: MAX_MESSAGE_BYTES[protocol],
    ...(protocol === 'tls' ? { ca_file: rsyslog?.caFile } : {}),
  });
  const sinks = [
    { type: 'file', path: audit.path },
    { type: 'http', url: receiver.url, batch_entries: 25, flush_ms: 100, headers: { Authorization: 'Bearer of-logs' } },
    ...(rsyslog === undefined ? [] : [syslog('udp'), syslog('tcp')]),
    ...(rsyslog?.caFile === undefined ? [] : [syslog('tls')]),
  ];
  const log = { name: 'genesys-pii-log', config: { sinks, max_body_bytes: 32_768 } };
  const authorities = rsyslog?.caFile === undefined ? [] : ['--secrets-dir', dirname(rsyslog.caFile)];
  const dead = { name: 'dead', url: 'http://127.0.0.1:9', routes: [{ name: 'dead', paths: ['/dead'] }] };
  gateway = await startGateway({
    config: {
      plugins: [log],
      services: [{ name: 'mirror', url: mirror.url, routes: [{ name: 'mirror', paths: ['/m'] }] }, dead],
    },
    plugins: [
      { name: 'genesys-pii-log', script: 'bin/genesys-pii-log.js', args: ['--log-dir', logDir, ...authorities] },
    ],
  });
});
afterAll(async () => {
  await gateway?.close();
  await Promise.all([mirror?.close(), receiver?.close(), rsyslog?.stop()]);
  rmSync(logDir, { recursive: true, force: true });
});

/** Sends requests, four at a time, with bodies of all sizes; returns their ids. */
async function sendMany(count: number, path = '/m/mirror'): Promise<string[]> {
  const ids: string[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (next < count) {
        const n = next++;
        const body = JSON.stringify({ id: `n${n}`, text: `line\nline "quoted" ü 😀 \u007f #012 `.repeat(n % 40) });
        const response = await fetch(`${gateway.url}${path}?id=n${n}`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body,
        });
        await response.arrayBuffer();
        ids.push(response.headers.get('x-kong-request-id') ?? '');
      }
    }),
  );
  return ids.sort();
}

const ordered = (ids: unknown[]): string[] => ids.map(String).sort();

describe('rsyslog', () => {
  it.for(['udp', 'tcp', 'tls'] as const)(
    'has every entry over %s once, parsed and whole',
    async (protocol, { skip }) => {
      const missing = protocol === 'tls' ? RSYSLOG_TLS_MISSING : RSYSLOG_MISSING;
      if (missing !== undefined || rsyslog === undefined) return skip(missing);
      const server = rsyslog;
      const before = server.messages(protocol).length;
      const ids = [
        ...(await sendMany(120)),
        ...(await sendMany(3, '/dead/x')),
        ...(await sendMany(3, '/no/route')),
      ].sort();
      const messages = await waitFor('all messages', () => {
        const all = server.messages(protocol).slice(before);
        return all.length >= ids.length && all;
      });
      const received = messages.map(({ text }) => JSON.parse(text) as Entry);
      expect(ordered(received.map(({ request_id: id }) => id))).toEqual(ids);
      // The file is another sink, with a pace of its own.
      await Promise.all(ids.map((id) => audit.entryOf(id)));
      const written = new Map(audit.entries().map((entry) => [entry.request_id, entry]));
      let whole = 0;
      for (const [index, entry] of received.entries()) {
        const original = written.get(entry.request_id);
        const message = messages[index];
        const severity = entry.status === 200 ? 6 : entry.status === 502 ? 3 : 4;
        expect(message).toMatchObject({
          pri: String(13 * 8 + severity),
          host: hostname(),
          app: 'genesys-pii-log',
          // A process in a container has a number of its own there.
          process:
            GATEWAY_KIND === 'docker'
              ? expect.stringMatching(/^[1-9]\d*$/)
              : String(gateway.pluginServerPid('genesys-pii-log')),
        });
        if (Buffer.byteLength(JSON.stringify(original)) + 200 < MAX_MESSAGE_BYTES[protocol]) {
          expect(entry).toEqual(original);
          whole += 1;
        } else {
          // Its bodies are gone, and everything else is there.
          expect(Buffer.byteLength(message?.text ?? '')).toBeLessThanOrEqual(MAX_MESSAGE_BYTES[protocol]);
          expect(entry).toMatchObject({ path: original?.path, status: original?.status, truncated: true });
        }
      }
      expect(whole).toBeGreaterThan(protocol === 'udp' ? 50 : 125);
    },
  );

  it('that was away gets what has waited, over TCP and TLS', { timeout: 60_000 }, async ({ skip }) => {
    if (rsyslog === undefined) return skip(RSYSLOG_MISSING);
    const server = rsyslog;
    const protocols = server.caFile === undefined ? ['tcp'] : ['tcp', 'tls'];
    await server.halt();
    const ids = await sendMany(20);
    await audit.find('the last entry', ({ request_id: id }) => id === ids.at(-1));
    await server.resume();
    for (const protocol of protocols) {
      await waitFor(
        `what has waited for ${protocol}`,
        () => {
          const seen = new Set(server.messages(protocol).map(({ text }) => (JSON.parse(text) as Entry).request_id));
          return ids.every((id) => seen.has(id));
        },
        30_000,
      );
    }
  });
});

describe('a receiver over HTTP', () => {
  it('gets batches of lines, compressed, each entry once, with the header that is configured', async () => {
    const before = receiver.taken.length;
    const ids = await sendMany(120);
    const idsTaken = (): unknown[] =>
      receiver.taken.slice(before).flatMap(({ entries }) => entries.map(({ request_id: id }) => id));
    await waitFor('all entries', () => {
      const seen = new Set(idsTaken());
      return ids.every((id) => seen.has(id));
    });
    expect(ordered(idsTaken().filter((id) => ids.includes(String(id))))).toEqual(ids);
    const batches = receiver.taken.slice(before);
    expect(batches.length).toBeLessThan(60);
    for (const { headers, entries, bytes } of batches) {
      expect(headers).toMatchObject({
        'content-type': 'application/x-ndjson',
        'content-encoding': 'gzip',
        'content-length': String(bytes),
        authorization: 'Bearer of-logs',
      });
      expect(entries.length).toBeLessThanOrEqual(25);
    }
    // The file is another sink, with a pace of its own.
    await Promise.all(ids.map((id) => audit.entryOf(id)));
    const written = new Map(audit.entries().map((entry) => [entry.request_id, entry]));
    for (const entry of batches.flatMap(({ entries }) => entries)) {
      expect(entry).toEqual(written.get(String(entry.request_id)));
    }
  });

  it('that fails is tried again with the same entries, and has each once', async () => {
    const before = { taken: receiver.taken.length, refused: receiver.refused.length };
    let failures = 0;
    receiver.answer = () => (failures++ < 3 ? (([503, 'close', 429] as const)[failures - 1] ?? 200) : 200);
    const ids = await sendMany(40);
    const taken = (): string[] =>
      receiver.taken.slice(before.taken).flatMap(({ entries }) => entries.map(({ request_id: id }) => String(id)));
    await waitFor('all entries', () => ids.every((id) => taken().includes(id)));
    expect(receiver.refused.length - before.refused).toBe(3);
    expect(ordered(taken().filter((id) => ids.includes(id)))).toEqual(ids);
    const [first, ...others] = receiver.refused.slice(before.refused);
    for (const { entries } of others) expect(entries).toEqual(first?.entries);
    receiver.answer = () => 200;
  });
});
