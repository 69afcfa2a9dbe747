/**
 * A real Redis for tests: alone, watched by a Sentinel, or as a Cluster. Loopback only. It is Debian's redis-server, or what
 * `REDIS_SERVER` and `REDIS_CLI` name, such as valkey-server and valkey-cli.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { freePort } from './free-port.js';
import { runs } from './runs.js';
import { waitFor } from './wait-for.js';

const SERVER = process.env.REDIS_SERVER ?? 'redis-server';
const CLI = process.env.REDIS_CLI ?? 'redis-cli';

/** Undefined if Redis is there; else why its tests are skipped. */
export const REDIS_MISSING = runs(SERVER, '--version') && runs(CLI, '--version') ? undefined : `no ${basename(SERVER)}`;

export interface RedisServer {
  port: number;
  /** Runs `redis-cli` against it. */
  cli(...args: string[]): string;
  /** Sends a signal: SIGSTOP, SIGCONT, SIGKILL. */
  signal(name: NodeJS.Signals): void;
  /** Starts it again on its port, empty, after it was killed. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a Redis that stores nothing on disk. */
export async function startRedis(args: string[] = []): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'redis-'));
  const port = await freePort();
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = run(['--port', String(port), '--dir', folder, '--save', '', '--bind', '127.0.0.1', ...args]);
    await waitFor('Redis answers', () => answers(port));
  };
  await start();
  return {
    port,
    cli: (...words) => cli(port, ...words),
    signal: (name) => void child.kill(name),
    async restart() {
      await ended(child);
      await start();
    },
    async stop() {
      child.kill('SIGKILL');
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface RedisSentinel {
  master: RedisServer;
  replica: RedisServer;
  sentinelPort: number;
  stop(): Promise<void>;
}

/** Starts a master named `tokens`, a replica and a Sentinel that fails over after 500 ms. */
export async function startSentinel(): Promise<RedisSentinel> {
  const master = await startRedis();
  const replica = await startRedis(['--replicaof', '127.0.0.1', String(master.port)]);
  const folder = mkdtempSync(join(tmpdir(), 'sentinel-'));
  const sentinelPort = await freePort();
  const settings = [
    `port ${sentinelPort}`,
    'bind 127.0.0.1',
    `sentinel monitor tokens 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds tokens 500',
    'sentinel failover-timeout tokens 2000',
  ];
  writeFileSync(join(folder, 'sentinel.conf'), settings.join('\n'));
  const child = run([join(folder, 'sentinel.conf'), '--sentinel']);
  await waitFor('the Sentinel knows the replica', () => {
    return answers(sentinelPort) && cli(sentinelPort, 'sentinel', 'replicas', 'tokens').includes(String(replica.port));
  });
  return {
    master,
    replica,
    sentinelPort,
    async stop() {
      child.kill('SIGKILL');
      await ended(child);
      await Promise.all([master.stop(), replica.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface RedisCluster {
  nodes: RedisServer[];
  stop(): Promise<void>;
}

/** Starts a Cluster of three masters. */
export async function startCluster(): Promise<RedisCluster> {
  const nodes = await Promise.all(Array.from({ length: 3 }, () => startRedis(['--cluster-enabled', 'yes'])));
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  execFileSync(CLI, ['--cluster', 'create', ...addresses, '--cluster-yes'], { stdio: 'pipe' });
  await waitFor('the Cluster is up', () =>
    nodes.every((node) => node.cli('cluster', 'info').includes('cluster_state:ok')),
  );
  return {
    nodes,
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

function run(args: string[]): ChildProcess {
  return spawn(SERVER, args, { stdio: 'ignore' });
}

function cli(port: number, ...args: string[]): string {
  return execFileSync(CLI, ['-p', String(port), ...args], { encoding: 'utf8', stdio: 'pipe' }).trim();
}

function answers(port: number): boolean {
  try {
    return cli(port, 'ping') === 'PONG';
  } catch {
    return false;
  }
}

async function ended(child: ChildProcess): Promise<void> {
  await waitFor('the process to end', () => child.exitCode !== null || child.signalCode !== null);
}
