/** Syslog: the form of a message, and how it goes over UDP, TCP and TLS. */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { runs } from '../../../kong/testbed/runs.js';
import { unless } from '../../../kong/testbed/unless.js';
import { realClock } from '../../shared/clock.js';
import { buildEntry } from '../entry/entry.js';
import { parseKongEntry } from '../entry/kong-entry.js';
import { toLine } from '../entry/line.js';
import { ExtraSearchTime } from '../mask/search-time.js';
import { testConfig } from '../testing/config.js';
import { kongEntry } from '../testing/entry.js';
import { testLine } from '../testing/lines.js';
import { createSyslogTransport, formatMessage, type SyslogSettings } from './syslog.js';

const SETTINGS: SyslogSettings = {
  host: '127.0.0.1',
  port: 0,
  protocol: 'udp',
  facility: 13,
  appName: 'test',
  maxMessageBytes: 8192,
  timeoutMs: 2000,
  ca: undefined,
};

const toClose: (() => void)[] = [];
afterEach(() => {
  for (const close of toClose.splice(0)) close();
});

/** Takes what comes over a stream, message by message, by octet counting. */
function receive(server: Server): { messages: string[]; sockets: Socket[]; arrived: () => Promise<void> } {
  const messages: string[] = [];
  const sockets: Socket[] = [];
  let wake = (): void => {};
  const take = (socket: Socket): void => {
    sockets.push(socket);
    let rest = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const space = rest.indexOf(' ');
        const length = Number(rest.subarray(0, space).toString());
        if (space === -1 || rest.length < space + 1 + length) break;
        messages.push(rest.subarray(space + 1, space + 1 + length).toString());
        rest = rest.subarray(space + 1 + length);
      }
      wake();
    });
  };
  server.on('connection', (socket) => sockets.push(socket));
  server.on(
    server.listenerCount('secureConnection') === 0 && 'setSecureContext' in server ? 'secureConnection' : 'connection',
    take,
  );
  toClose.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    messages,
    sockets,
    arrived: () =>
      new Promise((resolve) => {
        wake = resolve;
      }),
  };
}

it('has the form of RFC 5424, with a severity by the status', () => {
  const message = formatMessage(testLine(1), SETTINGS);
  expect(message).toMatch(/^<110>1 2026-01-12T09:00:00\.000Z \S+ test \d+ - - \{"n":1\}$/);
  expect(formatMessage(testLine(1, 404), SETTINGS)).toMatch(/^<108>1 /);
  expect(formatMessage(testLine(1, 502), SETTINGS)).toMatch(/^<107>1 /);
});

it('loses its bodies first, then its headers, never its JSON', async () => {
  const kong = parseKongEntry(JSON.stringify(kongEntry()));
  const body = {
    bytes: Buffer.from(JSON.stringify({ text: 'word '.repeat(2000) })),
    size: 10_011,
    contentType: 'application/json',
    contentEncoding: undefined,
  };
  const observed = { kong, source: 'service', credentialId: undefined, requestBody: undefined, responseBody: body };
  const line = toLine(
    await buildEntry(observed, testConfig({ values: 'detect', fields: [] }).policy, new ExtraSearchTime(realClock)),
    'native',
  );
  const at = (maxMessageBytes: number): Record<string, unknown> & { response?: { body?: object; headers: object } } => {
    const message = formatMessage(line, { ...SETTINGS, maxMessageBytes });
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(maxMessageBytes);
    return JSON.parse(message.slice(message.indexOf('{')));
  };
  expect(at(20_000).response?.body).toHaveProperty('content');
  expect(at(2048)).toMatchObject({ truncated: true, response: { body: { bytes: 10_011, truncated: true } } });
  expect(at(2048).response?.body).not.toHaveProperty('content');
  for (let size = 480; size < 2000; size += 20) expect(at(size)).toMatchObject({ status: 200, truncated: true });
  expect(at(480)).toMatchObject({ request_id: '5f0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e', status: 200, truncated: true });
});

it('goes over UDP, a datagram each', async () => {
  const server = createSocket('udp4');
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  toClose.push(() => server.close());
  const transport = createSyslogTransport({ ...SETTINGS, port: server.address().port });
  toClose.push(() => transport.close());
  const messages: string[] = [];
  const both = new Promise<void>((resolve) => {
    server.on('message', (message) => {
      if (messages.push(message.toString()) === 2) resolve();
    });
  });
  await transport.send([testLine(1), testLine(2)]);
  await both;
  expect(messages.map((message) => message.slice(message.indexOf('{')))).toEqual(['{"n":1}', '{"n":2}']);
});

it('goes over TCP, counted, and again after the server has closed', async () => {
  const server = createServer();
  const { messages, sockets, arrived } = receive(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const transport = createSyslogTransport({ ...SETTINGS, protocol: 'tcp', port });
  toClose.push(() => transport.close());
  let next = arrived();
  await transport.send([testLine('ä'), testLine(2)]);
  await next;
  expect(messages.map((message) => message.slice(message.indexOf('{')))).toEqual(['{"n":"ä"}', '{"n":2}']);
  for (const socket of sockets.splice(0)) socket.destroy();
  next = arrived();
  // It may take one failure to learn of it.
  await transport.send([testLine(3)]).catch(() => transport.send([testLine(3)]));
  server.close();
  await expect(createSyslogTransport({ ...SETTINGS, protocol: 'tcp', port: 1 }).send([testLine(1)])).rejects.toThrow(
    'ECONNREFUSED',
  );
});

it(
  'goes over TLS, to a server that is who it says',
  unless(runs('openssl', 'version') ? undefined : 'no openssl'),
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'pii-log-'));
    const file = (name: string): string => join(dir, name);
    const names = ['-subj', '/CN=syslog', '-addext', 'subjectAltName=IP:127.0.0.1'];
    await promisify(execFile)('openssl', [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      ...names,
      '-keyout',
      file('key'),
      '-out',
      file('cert'),
    ]);
    const cert = await readFile(file('cert'), 'utf8');
    const server = createTlsServer({ key: await readFile(file('key')), cert });
    const { messages, arrived } = receive(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const transport = createSyslogTransport({ ...SETTINGS, protocol: 'tls', port, ca: cert });
    toClose.push(() => transport.close());
    const next = arrived();
    await transport.send([testLine(1)]);
    await next;
    expect(messages).toHaveLength(1);
    const stranger = createSyslogTransport({ ...SETTINGS, protocol: 'tls', port });
    await expect(stranger.send([testLine(1)])).rejects.toThrow(/DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED/);
    await rm(dir, { recursive: true });
  },
);
