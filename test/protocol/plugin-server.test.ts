/** The plugin server as Kong meets it: a process, its socket, and everything that can go wrong between them. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ConnectionClosed } from '../../kong/kong-side/connect.js';
import { type EventResult, KongDriver, NO_REPLY, type PdkCallSeen } from '../../kong/kong-side/protobuf.js';
import { encode } from '../../kong/pdk/codec.js';
import { rpcCallMessage } from '../../kong/plugin-server/messages.js';
import { type PluginServerProcess, ROOT, startPluginServer } from '../../kong/testbed/plugin-server.js';
import { waitFor } from '../../kong/testbed/wait-for.js';

const PROBE = 'test/support/probe-server.js';
const running: PluginServerProcess[] = [];
const connections: KongDriver[] = [];

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close();
  for (const server of running.splice(0)) await server.stop();
});

async function start(args: string[] = [], socketPath?: string): Promise<PluginServerProcess> {
  const server = await startPluginServer(PROBE, args, socketPath);
  running.push(server);
  return server;
}

async function kongAt(server: PluginServerProcess): Promise<KongDriver> {
  const kong = await KongDriver.connect(server.socketPath);
  connections.push(kong);
  return kong;
}

type Steps = [string, unknown][];

/** Starts an instance that does these steps in this phase, and runs one event of it. */
async function run(
  kong: KongDriver,
  phase: string,
  steps: Steps,
  answer = replies(),
  pipelined = true,
): Promise<EventResult> {
  const id = await kong.startInstance({ [phase]: JSON.stringify(steps), pipelined });
  return kong.event(id, phase, answer);
}

/** Starts an event that runs until it is ended: by the reply to its one call. */
async function startEvent(kong: KongDriver): Promise<{ end(): Promise<EventResult> }> {
  const id = await kong.startInstance({ access: JSON.stringify([['kong.node.get_id', null]]) });
  let asked = false;
  const event = kong.event(id, 'access', () => {
    asked = true;
    return NO_REPLY;
  });
  await waitFor('the call', () => asked);
  return {
    end() {
      kong.sendBytes(Buffer.from('0a016e', 'hex'));
      return event;
    },
  };
}

/** Kong's replies by method; everything else is answered empty. */
function replies(values: Record<string, unknown> = {}) {
  const all: Record<string, unknown> = {
    'kong.nginx.get_var': 'request-id-1',
    'kong.request.get_method': 'GET',
    'kong.service.response.get_status': 200,
    'kong.node.get_id': 'node-1',
    ...values,
  };
  return (call: PdkCallSeen): unknown => all[call.method] ?? Buffer.alloc(0);
}

const methodsOf = (result: EventResult): string[] => result.calls.map((call) => call.method);
const errorOf = (result: EventResult): Record<string, unknown> => JSON.parse(result.exit?.body.toString() ?? '{}');

describe('calls', () => {
  it('of one tick, and the end of the event, leave in one write', async () => {
    const kong = await kongAt(await start());
    const steps: Steps = [
      ['kong.service.request.set_header', { k: 'a', v: { stringValue: '1' } }],
      ['kong.service.request.clear_header', { v: 'b' }],
      ['kong.log.debug', { values: [{ stringValue: 'x' }] }],
    ];
    const result = await run(kong, 'access', steps);
    expect(methodsOf(result)).toEqual(steps.map(([name]) => name));
    expect(result.roundTrips).toBe(1);
  });

  it('of setters cost no round trip even when each is awaited', async () => {
    const kong = await kongAt(await start());
    const set: Steps[number] = ['kong.response.set_header', { k: 'a', v: { stringValue: '1' } }];
    expect((await run(kong, 'response', [set, set, set], replies(), false)).roundTrips).toBe(1);
  });

  it('that read cost one round trip together, and one each when awaited one by one', async () => {
    const kong = await kongAt(await start());
    const steps: Steps = ['a', 'b', 'c', 'd'].map((v) => ['kong.request.get_header', { v }]);
    expect((await run(kong, 'access', steps)).roundTrips).toBe(2);
    expect((await run(kong, 'access', steps, replies(), false)).roundTrips).toBe(5);
  });

  it('carry 10 MB both ways in time linear in size', async () => {
    const server = await start(['--deadline', '20']);
    const kong = await kongAt(server);
    const megabytes = async (count: number): Promise<number> => {
      const body = randomBytes(count * 1024 * 1024);
      const began = performance.now();
      const id = await kong.startInstance({
        access: JSON.stringify([['kong.request.get_raw_body', null]]),
        response: JSON.stringify([
          ['kong.response.exit', { status: 200, body: body.toString('base64'), headers: { fields: {} } }],
        ]),
      });
      const read = await kong.event(id, 'access', replies({ 'kong.request.get_raw_body': { content: body } }));
      expect(read.exit).toBeUndefined();
      const other = await kongAt(server);
      const exit = (await other.event(id, 'response')).exit;
      expect(exit?.body.equals(body)).toBe(true);
      return performance.now() - began;
    };
    await megabytes(1);
    const one = await megabytes(1);
    // Ten times the bytes; quadratic cost would be a hundred times. The factor leaves room for a busy machine.
    expect(await megabytes(10)).toBeLessThan(Math.max(one, 20) * 50);
  });

  it('read a body that Kong spilled to a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'body-'));
    const path = join(folder, '0000000001');
    writeFileSync(path, 'spilled');
    const kong = await kongAt(await start());
    const read: Steps = [['kong.request.get_raw_body', null]];
    expect(
      (await run(kong, 'access', read, replies({ 'kong.request.get_raw_body': { body_filepath: path } }))).exit,
    ).toBeUndefined();
    const limited: Steps = [['kong.request.get_raw_body', { v: 3 }]];
    const refused = await run(
      kong,
      'access',
      limited,
      replies({ 'kong.request.get_raw_body': { body_filepath: path } }),
    );
    expect(refused.exit?.status).toBe(500);
    rmSync(folder, { recursive: true });
  });
});

describe('a handler that fails', () => {
  it.each(['throw', 'throw-late'])('in access (%s) ends in a 500 of Genesys shape', async (how) => {
    const server = await start();
    const result = await run(await kongAt(server), 'access', [[how, null]]);
    expect(result.exit?.status).toBe(500);
    expect(errorOf(result)).toEqual({
      message: 'The gateway failed while it handled this request.',
      code: 'gateway.plugin.error',
      status: 500,
      contextId: 'request-id-1',
      details: [],
      errors: [],
    });
    expect(methodsOf(result)).toContain('kong.log.err');
    expect(server.output()).toMatch(/probe access: Error: the probe throws/);
  });

  it('in response blocks the body of a read with 500', async () => {
    const result = await run(await kongAt(await start()), 'response', [['throw', null]]);
    expect(result.exit?.status).toBe(500);
    expect(methodsOf(result)).toContain('kong.response.clear_header');
    expect(result.exit?.headers).not.toHaveProperty('X-Gateway-Response');
  });

  it('in response keeps the status of a write that the service has done', async () => {
    const written = replies({ 'kong.request.get_method': 'POST', 'kong.service.response.get_status': 201 });
    const result = await run(await kongAt(await start()), 'response', [['throw', null]], written);
    expect(result.exit?.status).toBe(201);
    expect(result.exit?.headers).toMatchObject({ 'X-Gateway-Response': 'blocked' });
    expect(errorOf(result)).toMatchObject({ code: 'gateway.plugin.error', status: 201 });
  });

  it('in response sends no body with a status that has none', async () => {
    const deleted = replies({ 'kong.request.get_method': 'DELETE', 'kong.service.response.get_status': 204 });
    const result = await run(await kongAt(await start()), 'response', [['throw', null]], deleted);
    expect(result.exit?.status).toBe(204);
    expect(result.exit?.body).toHaveLength(0);
  });

  it('in log leaves a log line, and the connection goes on', async () => {
    const kong = await kongAt(await start());
    const result = await run(kong, 'log', [['throw', null]]);
    expect(result.exit).toBeUndefined();
    expect(methodsOf(result)).toEqual(['kong.log.err']);
    expect(await run(kong, 'log', [['kong.log.info', { values: [] }]])).toMatchObject({ roundTrips: 1 });
  });

  it('by a promise that nobody waits for ends neither the process nor the event', async () => {
    const server = await start();
    const kong = await kongAt(server);
    expect((await run(kong, 'access', [['detached-rejection', null]])).exit).toBeUndefined();
    await waitFor('the log line', () => server.output().includes('nobody waits for this'));
    expect((await run(kong, 'access', [])).exit).toBeUndefined();
    expect(server.process.exitCode).toBeNull();
  });

  it('by taking too long is answered 504 when its deadline is over', async () => {
    const result = await run(await kongAt(await start(['--deadline', '0.2'])), 'access', [['hang', null]]);
    expect(result.exit?.status).toBe(504);
    expect(errorOf(result)).toMatchObject({ code: 'gateway.plugin.timeout', contextId: 'request-id-1' });
  });

  it('in log by taking too long ends its event', async () => {
    const result = await run(await kongAt(await start(['--deadline', '0.2'])), 'log', [['hang', null]]);
    expect(result.exit).toBeUndefined();
  });

  it('by calling after its end sends nothing', async () => {
    const kong = await kongAt(await start());
    expect(methodsOf(await run(kong, 'access', [['call-after-end', null]]))).toEqual([]);
    expect(methodsOf(await run(kong, 'access', [['kong.log.info', { values: [] }]]))).toEqual(['kong.log.info']);
  });
});

describe('a call that its phase does not allow', () => {
  it.each([
    ['access', 'kong.response.get_status', null],
    ['access', 'kong.service.response.get_raw_body', null],
    ['access', 'kong.response.get_source', null],
    ['response', 'kong.service.request.set_header', { k: 'a', v: { stringValue: 'b' } }],
    ['response', 'kong.service.set_upstream', { v: 'u' }],
    ['log', 'kong.request.get_method', null],
    ['log', 'kong.client.get_ip', null],
    ['log', 'kong.nginx.get_var', { v: 'request_id' }],
    ['log', 'kong.response.exit', { status: 200, body: '', headers: { fields: {} } }],
  ])('in %s, %s, never reaches the wire', async (phase, method, argument) => {
    const result = await run(await kongAt(await start()), phase, [[method, argument]]);
    const failed = result.calls.findIndex((call) => call.method === 'kong.log.err');
    expect(failed).toBe(0);
    expect(String(result.calls[0]?.argument)).toContain(`${method} cannot be called in the ${phase} phase`);
    expect(result.exit === undefined).toBe(phase === 'log');
  });

  it('or that ProtoBuf:1 does not have, says so', async () => {
    const result = await run(await kongAt(await start()), 'access', [['kong.vault.get', { v: '{vault://env/x}' }]]);
    expect(String(result.calls[0]?.argument)).toContain('kong.vault cannot be had over ProtoBuf:1');
  });
});

describe('instances', () => {
  it('have numbers that another process does not give out again', async () => {
    const [first, second] = [await kongAt(await start()), await kongAt(await start())];
    const ids = new Set<number>();
    for (let count = 0; count < 100; count += 1) {
      ids.add(await first.startInstance({}));
      ids.add(await second.startInstance({}));
    }
    expect(ids.size).toBe(200);
  });

  it('are reported and closed', async () => {
    const kong = await kongAt(await start());
    const id = await kong.startInstance({});
    expect((await kong.instanceStatus(id)).instance_status).toMatchObject({ name: 'probe', instance_id: id });
    await kong.closeInstance(id);
    await expect(kong.event(id, 'access')).rejects.toThrow(ConnectionClosed);
  });

  it('that are unknown close the connection and no other', async () => {
    const server = await start();
    const [kong, other] = [await kongAt(server), await kongAt(server)];
    await expect(kong.event(123456, 'access')).rejects.toThrow(ConnectionClosed);
    expect((await run(other, 'access', [])).exit).toBeUndefined();
  });

  it('whose configuration the plugin refuses let nothing pass, say why, and are asked for anew after a while', async () => {
    const server = await start();
    const id = await (await kongAt(server)).startInstance({ refuse: 'no such region' });
    for (const phase of ['access', 'response']) {
      const result = await (await kongAt(server)).event(id, phase, replies());
      expect(result.exit?.status).toBe(500);
      expect(errorOf(result)).toMatchObject({ code: 'gateway.plugin.error', contextId: 'request-id-1' });
      const [first] = result.calls;
      expect([first?.method, JSON.stringify(first?.argument)]).toEqual([
        'kong.log.err',
        expect.stringContaining(`probe ${phase}: configuration refused: no such region`),
      ]);
    }
    expect(methodsOf(await (await kongAt(server)).event(id, 'log'))).toEqual([]);
    await waitFor('it to be dropped', async () => {
      const kong = await kongAt(server);
      return kong.event(id, 'log').then(
        () => false,
        (error) => error instanceof ConnectionClosed,
      );
    });
  });
});

describe('broken input', () => {
  const frame = (body: Buffer, length = body.length): Buffer => {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(length);
    return Buffer.concat([head, body]);
  };
  it.each([
    ['a length of 4 GiB', frame(Buffer.from('00', 'hex'), 0xffffffff)],
    ['random bytes', frame(randomBytes(64))],
    ['an empty call', frame(Buffer.alloc(0))],
    ['a field that runs past its frame', frame(Buffer.from('0a7f61', 'hex'))],
    ['an unending varint', frame(Buffer.alloc(64, 0xff))],
  ])('(%s) closes its connection and nothing else', async (_what, bytes) => {
    const server = await start();
    const other = await kongAt(server);
    const socket = connect(server.socketPath);
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    socket.on('error', () => {});
    socket.write(bytes);
    // A length that never comes true is no reason to close before the peer does.
    if (bytes.readUInt32LE(0) === 0xffffffff) socket.end();
    await closed;
    expect((await run(other, 'access', [])).exit).toBeUndefined();
    expect(server.process.exitCode).toBeNull();
  });

  it('in the middle of an event fails the event, not the process', async () => {
    const server = await start();
    const result = run(await kongAt(server), 'access', [['kong.request.get_headers', { v: 100 }]], () =>
      Buffer.from('ff', 'hex'),
    );
    await expect(result).rejects.toThrow(ConnectionClosed);
    expect(server.process.exitCode).toBeNull();
  });

  it('may come byte by byte', async () => {
    const kong = await kongAt(await start());
    const id = await kong.startInstance({ access: JSON.stringify([['kong.node.get_id', null]]) });
    const call = encode(rpcCallMessage, {
      sequence: 7,
      cmd_handle_event: { instance_id: id, event_name: 'access' },
    });
    for (const byte of frame(Buffer.from(call))) {
      kong.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await kong.frame()).toString()).toBe('kong.node.get_id');
  });

  it('such as an event of another phase closes the connection', async () => {
    const kong = await kongAt(await start());
    const id = await kong.startInstance({});
    await expect(kong.event(id, 'rewrite')).rejects.toThrow(ConnectionClosed);
  });
});

describe('the process', () => {
  it('describes itself in the environment that Kong gives it', () => {
    const printed = execFileSync(process.execPath, [join(ROOT, 'dist', PROBE), '--dump', '--name', 'probe-two'], {
      env: { PWD: '/' },
    });
    expect(JSON.parse(printed.toString())).toMatchObject({
      Protocol: 'ProtoBuf:1',
      Plugins: [{ Name: 'probe-two', Version: '1.0.0', Priority: 800, Phases: ['access', 'response', 'log'] }],
    });
  });

  it.each([
    [[], '--socket PATH is missing'],
    [['--socket', '/tmp/x', '--socket-mode', '0666'], '--socket-mode 0666'],
    [['--socket', '/tmp/x', '--deadline', 'soon'], '--deadline soon'],
    [['--socket', '/tmp/x', '--metrics', '127.0.0.1:99999'], '--metrics 127.0.0.1:99999'],
    [['--bogus'], '--bogus'],
    [['--socket', `/tmp/${'long'.repeat(30)}`], 'the socket path is too long'],
    [['--socket', '/nowhere/at/all/s'], 'cannot listen on'],
  ])('started with %j says in one line what is wrong', (args, message) => {
    try {
      execFileSync(process.execPath, [join(ROOT, 'dist', PROBE), ...args], { stdio: 'pipe', env: { PWD: '/' } });
      expect.unreachable();
    } catch (error) {
      const failure = error as { status: number; stderr: Buffer };
      expect(failure.status).toBe(1);
      expect(failure.stderr.toString().split('\n')[0]).toContain(message);
    }
  });

  it('keeps its socket from other users', async () => {
    const [own, group] = [await start(), await start(['--socket-mode', '0660'])];
    expect(statSync(own.socketPath).mode & 0o777).toBe(0o600);
    expect(statSync(group.socketPath).mode & 0o777).toBe(0o660);
  });

  it('takes less than 70 MB when it has started', async () => {
    const server = await startPluginServer('bin/genesys-token-manager.js');
    running.push(server);
    // The watchdog's thread takes 8 MB. It may start before or after the process says that it listens.
    await waitFor('half a second in which the memory does not grow by 1 MB', async () => {
      const before = server.residentBytes();
      await new Promise((resolve) => setTimeout(resolve, 500));
      return server.residentBytes() - before < 1e6;
    });
    expect(server.residentBytes() / 1e6).toBeLessThan(70);
  });

  it('lets a running event end on SIGTERM, then leaves and removes its socket', async () => {
    const server = await start();
    const [busy, idle] = [await kongAt(server), await kongAt(server)];
    const held = await startEvent(busy);
    process.kill(server.pid, 'SIGTERM');
    await waitFor('the idle connection closes', () => idle.closed);
    expect(server.process.exitCode).toBeNull();
    expect((await held.end()).exit).toBeUndefined();
    expect(await server.exited).toBe(0);
    expect(existsSync(server.socketPath)).toBe(false);
  });

  it('is replaced by a newer one on the same path, without a moment in which nobody accepts', async () => {
    const old = await start();
    let refusals = 0;
    let stop = false;
    const knocking = (async () => {
      while (!stop) {
        try {
          const kong = await KongDriver.connect(old.socketPath);
          await kong.startInstance({});
          kong.close();
        } catch {
          refusals += 1;
        }
      }
    })();
    const next = await start([], old.socketPath);
    expect(await old.exited).toBe(0);
    expect((await run(await kongAt(next), 'access', [])).exit).toBeUndefined();
    stop = true;
    await knocking;
    expect(refusals).toBe(0);
  });

  it('that was replaced answers one more call on each connection, and Kong keeps none of them', async () => {
    const old = await start();
    const [used, unused] = [await kongAt(old), await kongAt(old)];
    const id = await used.startInstance({});
    await start([], old.socketPath);
    await waitFor('the old one to notice', () => old.output().includes('finishing what has begun'));
    expect(await used.event(id, 'access', replies())).toMatchObject({ calls: [] });
    // nginx keeps no connection with something unread: only so can no call meet the closing.
    await waitFor('the end of the connection', () => used.closed);
    expect(used.hasFrame).toBe(true);
    expect(unused.closed).toBe(false);
    await waitFor('the end of the unused connection', () => unused.closed);
    expect(await old.exited).toBe(0);
  });

  it.each(['that was replaced', 'that was not replaced'])(
    '%s writes what is left with its first signal, while an event still runs, and again when that has ended',
    async (which) => {
      const old = await start();
      const busy = await kongAt(old);
      const held = await startEvent(busy);
      const timesTold = (): number => old.output().split('the probe was told of the end').length - 1;
      if (which === 'that was replaced') {
        await start([], old.socketPath);
        await waitFor('the old one to notice', () => old.output().includes('finishing what has begun'));
        expect(timesTold()).toBe(0);
      }
      process.kill(old.pid, 'SIGTERM');
      await waitFor('the first writing', () => timesTold() === 1);
      expect(old.process.exitCode).toBeNull();
      expect((await held.end()).exit).toBeUndefined();
      expect(await old.exited).toBe(0);
      expect(timesTold()).toBe(2);
    },
  );

  it('ends at once with its second signal', async () => {
    const old = await start();
    await run(await kongAt(old), 'access', [['hang-at-end', null]]);
    process.kill(old.pid, 'SIGTERM');
    await waitFor('the end to begin', () => old.output().includes('the probe was told of the end'));
    expect(old.process.exitCode).toBeNull();
    process.kill(old.pid, 'SIGTERM');
    expect(await old.exited).toBe(1);
  });

  it('leaves when its socket path is gone', async () => {
    const server = await start();
    unlinkSync(server.socketPath);
    expect(await server.exited).toBe(0);
  });

  it('is ended by its watchdog when its event loop is blocked', async () => {
    const server = await start();
    const event = run(await kongAt(server), 'access', [['spin', null]]);
    await expect(event).rejects.toThrow(ConnectionClosed);
    expect(await server.exited).toBe('SIGKILL');
    expect(server.output()).toContain('the event loop has stood still');
  });
});
