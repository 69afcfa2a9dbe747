/**
 * The gateways that benchmarks run on, each in processes of its own, so that their processor time can be told from the
 * client's: a real Kong with one nginx worker, or the local gateway.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Declarative, processesServing, startNativeKong } from '../../kong/testbed/native-kong.js';
import { type ExternalPlugin, pluginServerCommands } from '../../kong/testbed/plugin-servers.js';
import type { LocalGatewayOrder } from './local-gateway.js';

export type GatewayKind = 'kong' | 'local';

export interface BenchGatewayOptions {
  config: Declarative;
  plugins: readonly ExternalPlugin[];
  /** Added to Kong's environment. */
  env?: Record<string, string>;
}

export interface BenchGateway {
  url: string;
  /** Kong's nginx workers, or the local gateway. */
  gatewayPids(): number[];
  /** Of a plugin server; undefined while it has none. */
  pluginPid(name: string): number | undefined;
  pluginPids(): number[];
  close(): Promise<void>;
}

/** Starts one. @throws Error if there is no Kong, or it does not start */
export function startBenchGateway(kind: GatewayKind, options: BenchGatewayOptions): Promise<BenchGateway> {
  return kind === 'kong' ? startKong(options) : startLocal(options);
}

async function startKong(options: BenchGatewayOptions): Promise<BenchGateway> {
  const kong = await startNativeKong(options);
  return {
    url: kong.url,
    gatewayPids: kong.workerPids,
    pluginPid: kong.pluginServerPid,
    pluginPids: () => [...new Set(options.plugins.flatMap(({ name }) => kong.pluginServerPids(name)))],
    close: kong.close,
  };
}

async function startLocal({ config, plugins }: BenchGatewayOptions): Promise<BenchGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-gateway-'));
  const pluginServers = pluginServerCommands(plugins, folder);
  const pids = (name: string): number[] =>
    pluginServers.filter((server) => server.name === name).flatMap(({ socket }) => processesServing(socket));
  const child = fork(join(import.meta.dirname, 'local-gateway.js'));
  child.send({ config, pluginServers } satisfies LocalGatewayOrder);
  const [url] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error('the local gateway did not start'))),
  ])) as [string];
  return {
    url,
    gatewayPids: () => (child.pid === undefined ? [] : [child.pid]),
    pluginPid: (name) => pids(name)[0],
    pluginPids: () => [...new Set(plugins.flatMap(({ name }) => pids(name)))],
    async close() {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
