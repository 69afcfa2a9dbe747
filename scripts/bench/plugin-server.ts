/**
 * The plugin server alone, against kong-pdk's own in the same run: the same plugin module (one header read and one
 * independent header set), the same driver program playing Kong on 16 connections, rounds interleaved. Then the memory
 * that 300,000 events leave behind, with and without an exit.
 */
import { MsgPackDriver } from '../../kong/kong-side/msgpack.js';
import { encodeReply, KongDriver } from '../../kong/kong-side/protobuf.js';
import { startKongJsPluginServer } from '../../kong/testbed/kong-js-pluginserver.js';
import { startPluginServer } from '../../kong/testbed/plugin-server.js';
import { cpuSeconds, residentBytes } from '../../kong/testbed/processes.js';

const CONNECTIONS = 16;
const ROUNDS = 5;
const EVENTS_PER_ROUND = 32_000;
const MEMORY_EVENTS = 300_000;

const GET_HEADER = 'kong.request.get_header';
/** Encoded once, so that the plugin server is what is measured. */
const HEADER_REPLY = encodeReply(GET_HEADER, 'bench');
const EMPTY_REPLY = new Uint8Array(0);

interface Round {
  eventsPerSecond: number;
  serverCpuMicros: number;
  /** How often Kong's side waited for the socket: its round trips. */
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

interface Driver {
  startInstance(config: unknown, name: string): Promise<number>;
}

async function prepare<D extends Driver>(
  connect: () => Promise<D>,
  runEvent: (kong: D, id: number) => Promise<{ roundTrips: number }>,
): Promise<RunEvents> {
  const id = await (await connect()).startInstance({}, 'bench');
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, connect));
  return async (connection, count) => {
    const kong = connections[connection] as D;
    let roundTrips = 0;
    for (let done = 0; done < count; done += 1) roundTrips += (await runEvent(kong, id)).roundTrips;
    return roundTrips;
  };
}

const prepareOurs = (path: string): Promise<RunEvents> =>
  prepare(
    () => KongDriver.connect(path),
    (kong, id) => kong.event(id, 'access', ({ method }) => (method === GET_HEADER ? HEADER_REPLY : EMPTY_REPLY)),
  );

const prepareTheirs = (path: string): Promise<RunEvents> =>
  prepare(
    () => MsgPackDriver.connect(path),
    (kong, id) => kong.event(id, 'access', (method) => (method === GET_HEADER ? 'bench' : null)),
  );

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
