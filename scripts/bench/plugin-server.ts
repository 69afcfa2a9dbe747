/**
 * The plugin server alone, against kong-pdk's own in the same run: the same plugin module (one header read and one
 * independent header set), the same driver program playing Kong on 16 connections, rounds interleaved. Then the memory
 * that 300,000 events leave behind, with and without an exit.
 */
import { connect, type Socket } from 'node:net';
import { Decoder, encode as encodeMsgPack } from '@msgpack/msgpack';
import { encode } from '../../kong/pdk/codec.js';
import { stringMessage } from '../../kong/pdk/messages.js';
import { FrameReader } from '../../kong/plugin-server/frames.js';
import { rpcCallMessage } from '../../kong/plugin-server/messages.js';
import { KongDriver, NO_COMMAND } from '../../test/support/kong-driver.js';
import { type EventStep, MsgPackDriver, startKongJsPluginServer } from '../../test/support/kong-js-pluginserver.js';
import { startPluginServer } from '../../test/support/plugin-server.js';
import { cpuSeconds, residentBytes } from '../processes.js';

const CONNECTIONS = 16;
const ROUNDS = 5;
const EVENTS_PER_ROUND = 32_000;
const MEMORY_EVENTS = 300_000;

const GET_HEADER = 'kong.request.get_header';
const HEADER_REPLY = frame(encode(stringMessage, 'bench'));
const EMPTY_REPLY = frame(new Uint8Array(0));

interface Round {
  eventsPerSecond: number;
  serverCpuMicros: number;
  /** How often Kong's side read from the socket: its round trips. */
  readsPerEvent: number;
}

export interface PluginServerBench {
  ours: Round;
  kongJsPluginServer: Round;
  throughputRatio: number;
  memory: { startMb: number; warmMb: number; afterEventsMb: number; afterExitsMb: number; kongJsStartMb: number };
}

/** Runs the benchmark and returns medians over the rounds. */
export async function benchPluginServer(): Promise<PluginServerBench> {
  const ours = await startPluginServer('test/support/bench-server.js');
  const theirs = await startKongJsPluginServer('test/support/bench-plugin.js');
  try {
    const startMb = megabytes(ours.pid);
    const kongJsStartMb = megabytes(theirs.pid);
    const runOurs = await prepareOurs(ours.socketPath);
    const runTheirs = await prepareTheirs(theirs.socketPath);
    await measure(ours.pid, runOurs);
    await measure(theirs.pid, runTheirs);
    const rounds: { ours: Round[]; theirs: Round[] } = { ours: [], theirs: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      rounds.ours.push(await measure(ours.pid, runOurs));
      rounds.theirs.push(await measure(theirs.pid, runTheirs));
    }
    const [mine, other] = [median(rounds.ours), median(rounds.theirs)];
    const memory = { startMb, kongJsStartMb, ...(await measureMemory()) };
    return {
      ours: mine,
      kongJsPluginServer: other,
      throughputRatio: mine.eventsPerSecond / other.eventsPerSecond,
      memory,
    };
  } finally {
    await Promise.all([ours.stop(), theirs.stop()]);
  }
}

/** Runs `count` events on one connection, one after the other; resolves with how often Kong had to wait. */
type RunEvents = (connection: number, count: number) => Promise<number>;

async function prepareOurs(path: string): Promise<RunEvents> {
  const starter = await KongDriver.connect(path);
  const id = await starter.startInstance({});
  const call = { ...NO_COMMAND, sequence: 1, cmd_handle_event: { instance_id: id, event_name: 'access' } };
  const eventFrame = frame(encode(rpcCallMessage, call));
  const sockets = await connectAll(path);
  return (connection, count) => runOurs(sockets[connection] as Socket, eventFrame, count);
}

/** Kong's part, lean so that the plugin server is what is measured: replies to what one read brought leave in one write. */
function runOurs(socket: Socket, eventFrame: Buffer, count: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let left = count;
    let roundTrips = 0;
    let expectsArgument = false;
    let expectsReturn = false;
    let reply = EMPTY_REPLY;
    let outgoing: Buffer[] = [];
    const reader = new FrameReader((received) => {
      if (received === undefined) return;
      if (expectsReturn) {
        expectsReturn = false;
        left -= 1;
        if (left > 0) outgoing.push(eventFrame);
        else finish();
      } else if (expectsArgument) {
        expectsArgument = false;
        outgoing.push(reply);
      } else if (received.length === 0) expectsReturn = true;
      else {
        reply = received.length === GET_HEADER.length ? HEADER_REPLY : EMPTY_REPLY;
        expectsArgument = true;
      }
    });
    const onData = (chunk: Buffer): void => {
      roundTrips += 1;
      reader.push(chunk);
      const [only = EMPTY_REPLY, ...others] = outgoing;
      if (outgoing.length > 0) socket.write(others.length === 0 ? only : Buffer.concat(outgoing));
      outgoing = [];
    };
    const finish = (): void => {
      socket.off('data', onData);
      socket.off('close', onClose);
      resolve(roundTrips);
    };
    const onClose = (): void => reject(new Error('the plugin server closed the connection'));
    socket.on('data', onData);
    socket.on('close', onClose);
    socket.write(eventFrame);
  });
}

async function prepareTheirs(path: string): Promise<RunEvents> {
  const starter = await MsgPackDriver.connect(path);
  const id = await starter.startInstance('bench', {});
  const event = encodeMsgPack([0, 1, 'plugin.HandleEvent', [{ InstanceId: id, EventName: 'access' }]]);
  const sockets = await connectAll(path);
  return (connection, count) => runTheirs(sockets[connection] as Socket, event, count);
}

function runTheirs(socket: Socket, event: Uint8Array, count: number): Promise<number> {
  const decoder = new Decoder();
  return new Promise((resolve, reject) => {
    let left = count;
    let roundTrips = 0;
    const onData = (chunk: Buffer): void => {
      roundTrips += 1;
      const [, , , step] = decoder.decode(chunk) as [number, number, unknown, EventStep];
      if (step.Data === 'ret') {
        left -= 1;
        if (left > 0) socket.write(event);
        else {
          socket.off('data', onData);
          socket.off('close', onClose);
          resolve(roundTrips);
        }
        return;
      }
      const data = step.Data.Method === GET_HEADER ? 'bench' : null;
      socket.write(encodeMsgPack([0, 1, 'plugin.Step', [{ EventId: step.EventId, Data: data }]]));
    };
    const onClose = (): void => reject(new Error('kong-js-pluginserver closed the connection'));
    socket.on('data', onData);
    socket.on('close', onClose);
    socket.write(event);
  });
}

function connectAll(path: string): Promise<Socket[]> {
  return Promise.all(
    Array.from(
      { length: CONNECTIONS },
      () =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect(path, () => resolve(socket));
          socket.once('error', reject);
        }),
    ),
  );
}

function frame(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(bytes.length);
  return Buffer.concat([head, bytes]);
}

async function measure(pid: number, run: RunEvents): Promise<Round> {
  const cpuBefore = cpuSeconds(pid);
  const began = performance.now();
  const waits = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, connection) => run(connection, EVENTS_PER_ROUND / CONNECTIONS)),
  );
  const seconds = (performance.now() - began) / 1000;
  return {
    eventsPerSecond: EVENTS_PER_ROUND / seconds,
    serverCpuMicros: ((cpuSeconds(pid) - cpuBefore) / EVENTS_PER_ROUND) * 1e6,
    readsPerEvent: waits.reduce((sum, count) => sum + count, 0) / EVENTS_PER_ROUND,
  };
}

async function measureMemory() {
  const server = await startPluginServer('test/support/bench-server.js');
  try {
    const run = await prepareOurs(server.socketPath);
    const events = async (count: number): Promise<void> => {
      await Promise.all(Array.from({ length: CONNECTIONS }, (_, connection) => run(connection, count / CONNECTIONS)));
    };
    const exits = async (count: number): Promise<void> => {
      const starter = await KongDriver.connect(server.socketPath);
      const id = await starter.startInstance({ exit: true });
      await Promise.all(
        Array.from({ length: CONNECTIONS }, async () => {
          for (let done = 0; done < count / CONNECTIONS; done += 1) {
            const kong = await KongDriver.connect(server.socketPath);
            await kong.event(id, 'access');
          }
        }),
      );
      starter.close();
    };
    // What the first events compile and allocate for good is no leak.
    await events(20_000);
    await exits(5_000);
    const warmMb = megabytes(server.pid);
    await events(MEMORY_EVENTS);
    const afterEventsMb = megabytes(server.pid);
    await exits(MEMORY_EVENTS);
    return { warmMb, afterEventsMb, afterExitsMb: megabytes(server.pid) };
  } finally {
    await server.stop();
  }
}

function median(rounds: Round[]): Round {
  const middle = (pick: (round: Round) => number): number => {
    const sorted = rounds.map(pick).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  return {
    eventsPerSecond: middle((round) => round.eventsPerSecond),
    serverCpuMicros: middle((round) => round.serverCpuMicros),
    readsPerEvent: middle((round) => round.readsPerEvent),
  };
}

function megabytes(pid: number): number {
  return residentBytes(pid) / 1e6;
}
