/**
 * What a plugin's socket may be sent by something that is not Kong, or by a Kong that has gone mad: conversations cut at
 * every byte, lengths that lie, commands out of order, replies that nobody asked for, random bytes, a thousand
 * connections. Each bad conversation ends, and afterwards it is the same process, which answers a good one as before and
 * holds neither its memory nor its connections.
 */
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { PbfWriter } from 'pbf';
import { afterAll, describe, expect, it } from 'vitest';
import { ConnectionClosed } from '../../kong/kong-side/connect.js';
import { type Answer, type EventResult, encodeReply, KongDriver, NO_REPLY } from '../../kong/kong-side/protobuf.js';
import { encode } from '../../kong/pdk/codec.js';
import { METHODS_BY_NAME } from '../../kong/pdk/methods.js';
import { MAX_FRAME_BYTES } from '../../kong/plugin-server/frames.js';
import { type RpcCall, rpcCallMessage } from '../../kong/plugin-server/messages.js';
import { type PluginServerProcess, startPluginServer } from '../../kong/testbed/plugin-server.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';

const PROBE = 'test/support/probe-server.js';
const RUNS = process.env.LONG ? 1000 : 300;
const RUNS_TIMEOUT_MS = 120_000;
const CONNECTIONS = 1000;
/** A handler that waits for a reply that never comes is given up after it, and its answer after as long again. */
const DEADLINE_S = 1;
/** In bytes; a process that has just started takes under 60 MB (plugin-server.test.ts). */
const RESIDENT_BOUND = 120e6;

const folder = mkdtempSync(join(tmpdir(), 'hostile-'));
const running: PluginServerProcess[] = [];
afterAll(async () => {
  for (const server of running.splice(0)) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function start(script: string, args: string[] = []): Promise<PluginServerProcess> {
  const server = await startPluginServer(script, ['--deadline', String(DEADLINE_S), ...args]);
  running.push(server);
  return server;
}

function frame(body: Uint8Array, length = body.length): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(length);
  return Buffer.concat([head, body]);
}

/** A message of one field that is a message itself. */
function oneField(number: number, value: Uint8Array): Uint8Array {
  const writer = new PbfWriter();
  writer.writeBytesField(number, value);
  return writer.finish();
}

const callBytes = (call: Omit<RpcCall, 'sequence'>): Uint8Array => encode(rpcCallMessage, { sequence: 1, ...call });
const startBytes = (config: unknown): Uint8Array =>
  callBytes({ cmd_start_instance: { name: 'x', config: Buffer.from(JSON.stringify(config)) } });
const eventBytes = (instance_id: number, event_name: string): Uint8Array =>
  callBytes({ cmd_handle_event: { instance_id, event_name } });

/** A connection that only its own test reads. */
function open(server: PluginServerProcess): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.socketPath, () => resolve(socket));
    socket.on('error', reject);
    socket.resume();
  });
}

function closed(socket: Socket): Promise<void> {
  socket.removeAllListeners('error').on('error', () => {});
  return new Promise((resolve, reject) => {
    const hangs = setTimeout(() => reject(new Error('the connection was left hanging')), 10_000);
    socket.on('close', () => {
      clearTimeout(hangs);
      resolve();
    });
  });
}

/** Sends these bytes and waits until the plugin server has closed the connection. @param hangUp after the last byte */
async function sendBad(server: PluginServerProcess, bytes: Uint8Array, hangUp: boolean): Promise<void> {
  const socket = await open(server);
  const end = closed(socket);
  if (hangUp) socket.end(bytes);
  else socket.write(bytes);
  await end;
}

/** How many sockets the process holds; a log file that a plugin has opened is none. */
function sockets(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      // Closed since.
      return false;
    }
  }).length;
}

/** What a conversation came to, without what differs each time. */
async function conversation(server: PluginServerProcess, plugin: Subject): Promise<object[]> {
  const results: object[] = [];
  for (const phase of plugin.phases) {
    const kong = await KongDriver.connect(server.socketPath);
    const id = await kong.startInstance(plugin.config);
    const { calls, exit } = await kong.event(id, phase, goodAnswer);
    kong.close();
    results.push({ phase, calls: calls.map(({ method }) => method), status: exit?.status });
  }
  return results;
}

/** Runs the attack; afterwards all must be as before. */
async function unharmed(server: PluginServerProcess, plugin: Subject, attack: () => Promise<void>): Promise<void> {
  const held = sockets(server.pid);
  const before = await conversation(server, plugin);
  await attack();
  expect(server.process.exitCode, server.output()).toBeNull();
  expect(server.process.signalCode, server.output()).toBeNull();
  expect(await conversation(server, plugin)).toEqual(before);
  await waitFor('no connection is left open', () => sockets(server.pid) <= held);
  expect(server.residentBytes()).toBeLessThan(RESIDENT_BOUND);
  // An accident of the code, or what nobody waits for, is a fault even where it ends well.
  expect(
    server
      .output()
      .split('\n')
      .filter((line) => /TypeError|RangeError|nobody waited for/.test(line)),
  ).toEqual([]);
}

interface Subject {
  name: string;
  script: string;
  args: string[];
  phases: ('access' | 'response' | 'log')[];
  config: Record<string, unknown>;
}

const HEADERS = { 'content-type': 'application/json', 'user-agent': 'x', authorization: 'Bearer x' };
const GOOD: Record<string, unknown> = {
  'kong.nginx.get_var': '',
  'kong.request.get_method': 'GET',
  'kong.request.get_headers': HEADERS,
  'kong.request.get_header': 'application/json',
  'kong.request.get_path': '/api/v2/users',
  'kong.response.get_headers': HEADERS,
  'kong.response.get_status': 200,
  'kong.response.get_source': 'service',
  'kong.service.response.get_status': 200,
  'kong.service.response.get_raw_body': Buffer.from('{"id":1,"name":"n","email":"e"}'),
  'kong.log.serialize': JSON.stringify({ request: { method: 'GET', uri: '/api/v2/users', headers: HEADERS } }),
};
const goodAnswer: Answer = ({ method }) => (method in GOOD ? encodeReply(method, GOOD[method]) : Buffer.alloc(0));

const signingKey = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
}).privateKey;

const STEPS = JSON.stringify([
  ['kong.request.get_headers', { v: 100 }],
  ['kong.client.get_consumer', null],
  ['kong.service.request.set_header', { k: 'a', v: { stringValue: '1' } }],
]);
const SUBJECTS: Subject[] = [
  { name: 'probe', script: PROBE, args: [], phases: ['access'], config: { access: STEPS } },
  {
    name: 'genesys-token-manager',
    script: 'bin/genesys-token-manager.js',
    args: [],
    phases: ['access', 'log'],
    config: { credential: 'bearer', secret: 'static-secret' },
  },
  {
    name: 'genesys-quota',
    script: 'bin/genesys-quota.js',
    args: [],
    phases: ['access', 'log'],
    config: {
      limits: [{ name: 'a', limit: 1e9, by: 'header', by_name: 'x-app', paths: ['/api/*'] }],
      spike_arrest: { rate: '1000000ps', by: 'query', by_name: 'q', burst: 1e6 },
    },
  },
  {
    name: 'genesys-response-filter',
    script: 'bin/genesys-response-filter.js',
    args: [],
    phases: ['access', 'response'],
    config: { rules: [{ keep: ['id', 'name'] }] },
  },
  {
    name: 'genesys-pii-log',
    script: 'bin/genesys-pii-log.js',
    args: ['--log-dir', folder],
    phases: ['access', 'response', 'log'],
    config: { sinks: [{ type: 'file', path: join(folder, 'audit.log') }] },
  },
  {
    name: 'genesys-login',
    script: 'bin/genesys-login.js',
    args: [],
    phases: ['access'],
    config: { key_id: 'k1', signing_key: signingKey },
  },
];
const PROBE_SUBJECT = SUBJECTS[0] as Subject;

describe('a conversation', () => {
  it('cut at each of its bytes, or cut into pieces there, ends, or is answered as if it came whole', async () => {
    const server = await start(PROBE);
    await unharmed(server, PROBE_SUBJECT, async () => {
      const kong = await KongDriver.connect(server.socketPath);
      const id = await kong.startInstance(PROBE_SUBJECT.config);
      kong.close();
      // All that Kong would say, the replies ahead of the questions.
      const whole = Buffer.concat([
        frame(startBytes(PROBE_SUBJECT.config)),
        frame(eventBytes(id, 'access')),
        frame(encodeReply('kong.request.get_headers', HEADERS)),
        frame(Buffer.alloc(0)),
        frame(Buffer.alloc(0)),
        frame(callBytes({ cmd_close_instance: { instance_id: id + 1 } })),
      ]);
      for (let at = 0; at < whole.length; at += 1) await sendBad(server, whole.subarray(0, at), true);
      for (let at = 1; at < whole.length; at += 1) {
        const socket = await open(server);
        const end = closed(socket);
        socket.write(whole.subarray(0, at), () => socket.write(whole.subarray(at)));
        // The last call is for an instance that is not there, so that the plugin server closes.
        await end;
      }
    });
  });

  it('of several frames in one write is answered frame by frame', async () => {
    const server = await start(PROBE);
    const kong = await KongDriver.connect(server.socketPath);
    const id = await kong.startInstance({});
    const status = { cmd_get_instance_status: { instance_id: id } };
    kong.socket.write(Buffer.concat(Array.from({ length: 50 }, () => frame(callBytes(status)))));
    const first = await kong.frame();
    for (let n = 1; n < 50; n += 1) expect(await kong.frame()).toEqual(first);
    kong.close();
  });

  it('in which the connection is dropped in the middle of an event leaves nothing behind', async () => {
    const server = await start(PROBE);
    await unharmed(server, PROBE_SUBJECT, async () => {
      const kong = await KongDriver.connect(server.socketPath);
      const id = await kong.startInstance(PROBE_SUBJECT.config);
      kong.close();
      for (let n = 0; n < RUNS; n += 1) {
        const socket = await open(server);
        const asked = new Promise((resolve) => socket.once('data', resolve));
        const end = closed(socket);
        socket.write(frame(eventBytes(id, 'access')));
        await asked;
        socket.destroy();
        await end;
      }
    });
  });

  it('that never answers is ended by the deadline', async () => {
    const server = await start(PROBE);
    await unharmed(server, PROBE_SUBJECT, async () => {
      const events = Array.from({ length: 20 }, async () => {
        const kong = await KongDriver.connect(server.socketPath);
        const id = await kong.startInstance(PROBE_SUBJECT.config);
        await expect(kong.event(id, 'access', () => NO_REPLY)).rejects.toThrow(ConnectionClosed);
      });
      await Promise.all(events);
    });
  });
});

describe('what is no call', () => {
  let shared: PluginServerProcess | undefined;
  const config = Buffer.from('{}');
  const varint = (...bytes: number[]): Buffer => Buffer.from(bytes);
  const bad: [string, (id: number) => Uint8Array][] = [
    ['an empty call', () => frame(Buffer.alloc(0))],
    ['a sequence without a command', () => frame(callBytes({}))],
    ['an event for an instance that does not exist', () => frame(eventBytes(5, 'access'))],
    ['an event for an instance below zero', () => frame(eventBytes(-1, 'access'))],
    ['an event of no phase', (id) => frame(eventBytes(id, ''))],
    ['an event named as what every object has', (id) => frame(eventBytes(id, 'constructor'))],
    ['an event named __proto__', (id) => frame(eventBytes(id, '__proto__'))],
    [
      'the closing of an instance that does not exist',
      () => frame(callBytes({ cmd_close_instance: { instance_id: 5 } })),
    ],
    [
      'the status of an instance that does not exist',
      () => frame(callBytes({ cmd_get_instance_status: { instance_id: 5 } })),
    ],
    [
      'a call while an event is running',
      (id) =>
        Buffer.concat([frame(eventBytes(id, 'access')), frame(Buffer.from('0a')), frame(eventBytes(id, 'access'))]),
    ],
    ['a reply that nobody asked for', () => frame(encodeReply('kong.request.get_headers', HEADERS))],
    [
      'a reply of the wrong type',
      (id) => Buffer.concat([frame(eventBytes(id, 'access')), frame(encodeReply('kong.response.get_status', 200))]),
    ],
    ['a truncated varint', () => frame(varint(0x08, 0xff))],
    ['a varint without end', () => frame(varint(0x08, ...Array(30).fill(0xff)))],
    ['a command of the wrong wire type', () => frame(varint(0xa0, 0x02, 0x05))],
    ['a group, which protobuf has given up', () => frame(varint(0x0b, 0x08, 0x01, 0x0c))],
    ['wire type 7', () => frame(varint(0x0f, 0x01))],
    ['a field that runs past its frame', () => frame(varint(0x92, 0x02, 0x7f, 0x01))],
    ['a length of a field near 2^64', () => frame(varint(0x92, 0x02, ...Array(9).fill(0xff), 0x01))],
    [
      'a configuration that is no JSON',
      () => frame(callBytes({ cmd_start_instance: { name: '', config: Buffer.from('{') } })),
    ],
    ['a question about a plugin, which nobody asks', () => frame(varint(0x08, 0x01, 0x82, 0x02, 0x00))],
  ];

  it.each(bad)('%s: the connection is closed at once, and nothing else', async (_what, bytes) => {
    shared ??= await start(PROBE);
    const server = shared;
    await unharmed(server, PROBE_SUBJECT, async () => {
      const kong = await KongDriver.connect(server.socketPath);
      const id = await kong.startInstance(PROBE_SUBJECT.config);
      kong.close();
      await sendBad(server, bytes(id), false);
    });
  });

  it('but holds fields that this plugin server does not know is taken without them', async () => {
    const server = await start(PROBE);
    const kong = await KongDriver.connect(server.socketPath);
    const unknown = Buffer.concat([
      varint(0x98, 0x06, 0x01),
      varint(0xa1, 0x06, ...Array(8).fill(7)),
      varint(0xaa, 0x06, 0x02, 0x61, 0x62),
      varint(0xb5, 0x06, ...Array(4).fill(7)),
    ]);
    const call = callBytes({ cmd_start_instance: { name: 'probe', config } });
    kong.socket.write(frame(Buffer.concat([unknown, call, unknown])));
    expect((await kong.frame()).length).toBeGreaterThan(0);
    kong.close();
  });

  it('an instance may be started twice on one connection, and closed once', async () => {
    const server = await start(PROBE);
    const kong = await KongDriver.connect(server.socketPath);
    const [first, second] = [await kong.startInstance({}), await kong.startInstance({})];
    expect(first).not.toBe(second);
    await kong.closeInstance(first);
    await expect(kong.closeInstance(first)).rejects.toThrow(ConnectionClosed);
  });
});

it.each([MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff])(
  'a length of %i that never comes true costs nothing, and the connection closes when the peer does',
  async (length) => {
    const server = await start(PROBE);
    await unharmed(server, PROBE_SUBJECT, async () => {
      const opened = await Promise.all(Array.from({ length: 50 }, () => open(server)));
      const ends = opened.map(closed);
      for (const socket of opened) socket.write(frame(Buffer.alloc(1000, 0xff), length));
      // Has been read when what came after it on another connection is answered.
      await conversation(server, PROBE_SUBJECT);
      expect(server.residentBytes()).toBeLessThan(RESIDENT_BOUND);
      for (const socket of opened) socket.end();
      await Promise.all(ends);
    });
  },
);

it.each([
  ['kong.request.get_http_version', '0900'],
  ['kong.ctx.shared.get', '1100000000'],
])('a number that ends early (%s) ends its event as any other field does', async (method, hex) => {
  const server = await start(PROBE);
  const kong = await KongDriver.connect(server.socketPath);
  const id = await kong.startInstance({ access: JSON.stringify([[method, { v: 'k' }]]) });
  await expect(kong.event(id, 'access', () => Buffer.from(hex, 'hex'))).rejects.toThrow(ConnectionClosed);
  expect(server.output()).toContain('a field runs past the end of its frame');
});

it('a reply that is nested five thousand deep ends its event', async () => {
  const server = await start(PROBE);
  const kong = await KongDriver.connect(server.socketPath);
  const id = await kong.startInstance({ access: JSON.stringify([['kong.ctx.shared.get', { v: 'k' }]]) });
  let value: Buffer = Buffer.alloc(0);
  for (let depth = 0; depth < 5000; depth += 1) value = Buffer.from(oneField(6, oneField(1, value)));
  await expect(kong.event(id, 'access', () => value)).rejects.toThrow(ConnectionClosed);
  expect(server.process.exitCode).toBeNull();
  expect(await conversation(server, PROBE_SUBJECT)).toHaveLength(1);
});

it('the text of a configuration that is no JSON does not get into the log', async () => {
  const server = await start(PROBE);
  const config = Buffer.from('{"client_secret":s3cret}');
  await sendBad(server, frame(callBytes({ cmd_start_instance: { name: 'probe', config } })), false);
  await waitFor('the log line', () => server.output().includes('config is no JSON'));
  expect(server.output()).not.toContain('s3cret');
});

it(`${CONNECTIONS} connections at once, left without a word, are let go`, async () => {
  const server = await start(PROBE);
  await unharmed(server, PROBE_SUBJECT, async () => {
    const opened = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(server)));
    const ends = opened.map(closed);
    await waitFor('all are accepted', () => sockets(server.pid) >= CONNECTIONS);
    await conversation(server, PROBE_SUBJECT);
    for (const [index, socket] of opened.entries()) {
      if (index % 3 === 0) socket.end();
      else if (index % 3 === 1) socket.end(Buffer.from([1, 2]));
      else socket.destroy();
    }
    await Promise.all(ends);
  });
});

describe.each(SUBJECTS)('$name', (plugin) => {
  it(
    'outlives random bytes, and calls that are almost right',
    async () => {
      const server = await start(plugin.script, plugin.args);
      await unharmed(server, plugin, async () => {
        const kong = await KongDriver.connect(server.socketPath);
        const id = await kong.startInstance(plugin.config);
        kong.close();
        const call = fc.oneof(
          fc.constantFrom(...plugin.phases).map((phase) => eventBytes(id, phase)),
          fc.jsonValue().map(startBytes),
          fc.constant(startBytes(plugin.config)),
          fc.constant(callBytes({ cmd_get_instance_status: { instance_id: id } })),
          fc.uint8Array({ maxLength: 200 }),
        );
        const almost = fc
          .tuple(call, fc.nat(), fc.nat(255), fc.constantFrom('whole', 'flip', 'cut', 'grow'))
          .map(([bytes, at, value, how]) => {
            const copy = Buffer.from(bytes);
            if (how === 'flip' && copy.length > 0) copy[at % copy.length] = value;
            if (how === 'cut') return frame(copy.subarray(0, at % (copy.length + 1)));
            if (how === 'grow') return frame(copy, copy.length + (at % 5));
            return frame(copy);
          });
        const bytes = fc
          .array(fc.oneof(almost, fc.uint8Array({ maxLength: 50 })), { minLength: 1, maxLength: 8 })
          .map((parts) => Buffer.concat(parts));
        await fc.assert(
          fc.asyncProperty(bytes, (all) => sendBad(server, all, true)),
          { numRuns: RUNS },
        );
      });
    },
    RUNS_TIMEOUT_MS,
  );

  it.each(plugin.phases)(
    'outlives any reply to its calls in %s: each event ends',
    async (phase) => {
      const server = await start(plugin.script, plugin.args);
      await unharmed(server, plugin, async () => {
        const methods = [...METHODS_BY_NAME.keys()];
        const reply = fc.oneof(
          { weight: 3, arbitrary: fc.constant('good' as const) },
          fc.constant(Buffer.alloc(0)),
          fc.uint8Array({ maxLength: 60 }),
          fc
            .constantFrom('kong.request.get_headers', 'kong.request.get_query')
            .chain((method) =>
              fc
                .dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString')), fc.string())
                .map((value) => encodeReply(method, value)),
            ),
          fc.tuple(fc.constantFrom(...methods), fc.string({ unit: 'binary' })).map(([method, text]) => {
            try {
              return encodeReply(method, text);
            } catch {
              return Buffer.from(text);
            }
          }),
          fc.double({ noDefaultInfinity: false }).map((value) => encodeReply('kong.nginx.req_start_time', value)),
          fc.integer().map((value) => encodeReply('kong.response.get_status', value)),
          fc.json().map((text) => encodeReply('kong.log.serialize', text)),
        );
        await fc.assert(
          fc.asyncProperty(fc.array(reply, { minLength: 1, maxLength: 8 }), async (replies) => {
            const kong = await KongDriver.connect(server.socketPath);
            const id = await kong.startInstance(plugin.config);
            let asked = 0;
            const answer: Answer = (call) => {
              const next = replies[asked % replies.length];
              asked += 1;
              if (next === undefined || next === 'good') return goodAnswer(call);
              // Kong reads no argument wrong: where it answers with nothing, nothing is asked.
              return METHODS_BY_NAME.get(call.method)?.replyIsEmpty ? Buffer.alloc(0) : next;
            };
            const result: EventResult | Error = await kong.event(id, phase, answer).catch((error: Error) => error);
            kong.close();
            if (result instanceof Error) expect(result).toBeInstanceOf(ConnectionClosed);
            else if (result.exit) expect(Number.isInteger(result.exit.status)).toBe(true);
          }),
          { numRuns: RUNS },
        );
      });
    },
    RUNS_TIMEOUT_MS,
  );
});

describe('the socket', () => {
  const NOBODY = 65534;
  /** Whether a process of that user can connect. */
  const connects = (path: string, gid: number): string => {
    const script = `require('node:net').connect(${JSON.stringify(path)}).on('connect', () => { console.log('connected'); process.exit() }).on('error', (e) => console.log(e.code))`;
    const { stdout } = spawnSync(process.execPath, ['-e', script], { uid: NOBODY, gid, cwd: '/', env: {} });
    return stdout.toString().trim();
  };

  it(
    'takes nobody but its own user, or its group if asked',
    unless(process.getuid?.() === 0 ? undefined : 'only root has a second user'),
    async () => {
      const [own, group] = [await start(PROBE), await start(PROBE, ['--socket-mode', '0660'])];
      // What keeps others out is the socket, not the folder that a test has made.
      for (const { socketPath } of [own, group]) chmodSync(dirname(socketPath), 0o755);
      expect(statSync(own.socketPath).mode & 0o777).toBe(0o600);
      expect(statSync(group.socketPath).mode & 0o777).toBe(0o660);
      const gid = statSync(own.socketPath).gid;
      expect(connects(own.socketPath, gid)).toBe('EACCES');
      expect(connects(own.socketPath, NOBODY)).toBe('EACCES');
      expect(connects(group.socketPath, NOBODY)).toBe('EACCES');
      expect(connects(group.socketPath, gid)).toBe('connected');
    },
  );
});
