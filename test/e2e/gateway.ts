/**
 * The gateway under test, the same to every end-to-end case: `local` (kong/local-gateway, in this process), `kong` (a
 * real Kong, DB-less, on free ports) or `docker` (the same in a container of kong/Dockerfile's image). The environment variable GATEWAY chooses; `npm run test:e2e` sets it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { combineConfig } from '../../kong/install/combine/apply.js';
import { PART_PLUGINS } from '../../kong/install/combine/plan.js';
import { startLocalGateway } from '../../kong/local-gateway/index.js';
import { startDockerKong } from '../../kong/testbed/docker-kong.js';
import {
  type Declarative,
  type NativeKong,
  type NativeKongOptions,
  startNativeKong,
} from '../../kong/testbed/native-kong.js';
import {
  byProcess,
  type ExternalPlugin,
  LEFT_OUT_LOCALLY,
  mayShareProcess,
  PLUGINS,
  pluginServerCommands,
} from '../../kong/testbed/plugin-servers.js';
import { waitFor } from '../../kong/testbed/wait-for.js';

export interface Gateway {
  kind: 'local' | 'kong' | 'docker';
  url: string;
  /** Puts another configuration in place, as POST /config does. @throws Error with the gateway's reasons */
  reconfigure(config: Declarative): Promise<void>;
  /** The process that serves a plugin now; undefined while there is none, and for `docker`. */
  pluginServerPid(name: string): number | undefined;
  /** What only a Kong on this machine can be asked: undefined for `local` and `docker`. */
  native?: NativeKong;
  /** All processes that serve it: with `kong`, two while one takes over from another. */
  pluginServerPids(name: string): number[];
  /** nginx' workers; none but for `kong`. */
  workerPids(): number[];
  /** Where sockets and temporary files are; undefined for `docker`. */
  folder: string | undefined;
  /** The gateway's error log so far. */
  log(): string;
  close(): Promise<void>;
}

/** Whether configurations are put in place as they are, or with every entry combined that can be. */
export const FORM = process.env.FORM === 'combined' ? 'combined' : 'separate';

export const GATEWAY_KIND = gatewayKind(process.env.GATEWAY);

/** For a test of what only Kong on this machine does or shows. */
export const KONG_ONLY = GATEWAY_KIND === 'kong' ? undefined : 'only on a real Kong: --gateway kong';

/** For a test of a plugin of Kong's that the local gateway may go without. */
export const leftOut = (plugin: string): string | undefined =>
  GATEWAY_KIND === 'local' && LEFT_OUT_LOCALLY.includes(plugin)
    ? `the local gateway goes without ${plugin}`
    : undefined;

/** For a test of the Lua that a configuration holds. */
export const LUA_ONLY = GATEWAY_KIND === 'local' ? 'the local gateway runs no Lua' : undefined;

function gatewayKind(name: string | undefined): Gateway['kind'] {
  return name === 'kong' || name === 'docker' ? name : 'local';
}

export const PROBE: ExternalPlugin = { name: 'probe', script: 'test/support/probe-server.js' };

/** Starts the gateway under test, and waits until the plugin servers listen. */
export async function startGateway(options: NativeKongOptions): Promise<Gateway> {
  // A plugin server with flags of its own, such as --without-log, is what its test is about.
  const isCombined = FORM === 'combined' && options.plugins.some(({ name }) => isPart(name));
  if (!isCombined || !options.plugins.filter(({ name }) => isPart(name)).every(mayShareProcess)) return start(options);
  const gateway = await start({
    ...options,
    config: combineConfig(options.config),
    plugins: [...options.plugins, ...COMBINED.filter(({ name }) => !options.plugins.some((one) => one.name === name))],
  });
  const { native } = gateway;
  return {
    ...gateway,
    ...(native && { native: { ...native, reload: (config) => native.reload(combineConfig(config)) } }),
    reconfigure: (config) => gateway.reconfigure(combineConfig(config)),
  };
}

const COMBINED = PLUGINS.filter(({ script }) => script === 'bin/genesys-gateway.js');

/** Returns how Kong's log names a field of a part that is configured next to another one. */
export function fieldOf(record: string, field: string): string {
  return FORM === 'combined' ? `config.${record}.${field}` : `config.${field}`;
}

function isPart(name: string): boolean {
  return PART_PLUGINS.includes(name);
}

async function start(options: NativeKongOptions): Promise<Gateway> {
  const gateway = await { local: startLocal, kong: startKong, docker: startDocker }[GATEWAY_KIND](options);
  const serving = options.plugins.filter(
    ({ script, commands }) => !script.includes('crashing') && commands === undefined,
  );
  const processes = byProcess(serving).length;
  const areListening = (): boolean => gateway.log().split('listens on').length > processes;
  await waitFor('the plugin servers', areListening, 30_000).catch(async (error) => {
    await gateway.close();
    throw error;
  });
  return gateway;
}

async function startLocal({ config, plugins, env = {}, pluginServerTimeoutMs }: NativeKongOptions): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'gw-'));
  const lines: string[] = [];
  const gateway = await startLocalGateway({
    config,
    port: 0,
    env,
    ignorePlugins: LEFT_OUT_LOCALLY,
    ...(pluginServerTimeoutMs && { pluginServerTimeoutMs }),
    pluginServers: pluginServerCommands(plugins, folder),
    onLog: ({ level, message }) => lines.push(`[${level}] ${message}`),
  });
  return {
    kind: 'local',
    url: gateway.url,
    reconfigure: (next) => gateway.reconfigure(next),
    pluginServerPid: (name) => gateway.pluginServerPid(name),
    pluginServerPids: (name) => [gateway.pluginServerPid(name) ?? []].flat(),
    workerPids: () => [],
    folder,
    log: () => lines.join('\n'),
    async close() {
      await gateway.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startKong(options: NativeKongOptions): Promise<Gateway> {
  const kong = await startNativeKong(options);
  return {
    kind: 'kong',
    url: kong.url,
    reconfigure: reconfigureBy(kong),
    pluginServerPid: kong.pluginServerPid,
    native: kong,
    pluginServerPids: kong.pluginServerPids,
    workerPids: kong.workerPids,
    folder: kong.prefix,
    log: kong.errorLog,
    close: kong.close,
  };
}

async function startDocker(options: NativeKongOptions): Promise<Gateway> {
  const kong = await startDockerKong(options);
  return {
    kind: 'docker',
    url: kong.url,
    reconfigure: reconfigureBy(kong),
    // The processes of a container have other numbers here, and another user.
    pluginServerPid: () => undefined,
    pluginServerPids: () => [],
    workerPids: () => [],
    folder: undefined,
    log: kong.errorLog,
    close: kong.close,
  };
}

function reconfigureBy(kong: { url: string; adminUrl: string }): Gateway['reconfigure'] {
  let generation = 0;
  return async (next) => {
    generation += 1;
    const response = await fetch(`${kong.adminUrl}/config`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(withGeneration({ _format_version: '3.0', ...next }, generation)),
    });
    if (response.status !== 201) throw new Error(await response.text());
    // Kong answers before its workers use the new configuration.
    await waitFor('the new configuration', async () => {
      const seen = await fetch(`${kong.url}${generationPath(generation)}`, { headers: { Connection: 'close' } });
      await seen.arrayBuffer();
      return seen.status === 200;
    });
  };
}

function generationPath(generation: number): string {
  return `/generation-${generation}`;
}

/** Adds a route by which a configuration can be told from the one before it. */
function withGeneration(config: Declarative, generation: number): Declarative {
  const plugins = [{ name: 'request-termination', config: { status_code: 200 } }];
  const route = { name: 'generation', paths: [generationPath(generation)], plugins };
  const service = { name: 'generation', url: 'http://127.0.0.1:9', routes: [route] };
  return { ...config, services: [...(config.services as unknown[]), service] };
}
