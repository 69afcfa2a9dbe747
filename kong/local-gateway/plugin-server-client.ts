/**
 * Runs one plugin server as Kong does (kong/runloop/plugin_servers): asks its query command for the plugin, keeps its
 * process running, starts instances on first use, and sends events.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { ConnectionClosed } from '../kong-side/connect.js';
import type { PluginServerCommands } from '../plugin-server-commands.js';
import type { PdkHost } from './pdk.js';
import { createMsgpackRpc, createProtobufRpc, PdkFailure, type Rpc } from './plugin-rpc.js';
import type { RequestContext } from './request-context.js';

export type PluginServerDefinition = PluginServerCommands;

/** The first plugin of a dump: the only one that Kong registers. */
export interface PluginInfo {
  Name: string;
  Version: string;
  Priority: number;
  Phases: string[];
  Schema: { name: string; fields: unknown[] };
}

/** A plugin's configuration as its plugin server gets it. */
export interface RunnableConfig {
  /** Identifies the instance. */
  key: string;
  sequence: number;
  config: Record<string, unknown>;
}

/** Kong respawns a plugin server at most once a second. */
const RESPAWN_MS = 1000;
/** How long a plugin server may take to exit after SIGTERM. */
const KILL_MS = 5000;
/** Almost nothing: Kong's workers have an empty environment. */
const ENVIRONMENT = { PWD: '/' };

export interface PluginServerClient {
  readonly info: PluginInfo;
  readonly socket: string;
  /** The process that this client started; undefined if another one's process serves the socket. */
  readonly pid: number | undefined;
  /**
   * Runs a phase of the plugin. If the connection closes, Kong repeats the event on a new instance.
   * @throws Error if the request must fail
   */
  handleEvent(context: RequestContext, phase: string, plugin: RunnableConfig): Promise<void>;
  /** Ends the process. */
  close(): Promise<void>;
}

/** Queries the plugin and starts its process. @throws Error of one line if the query command fails */
export function startPluginServer(definition: PluginServerDefinition, host: PdkHost): PluginServerClient {
  const { protocol, info } = queryPlugin(definition);
  const createRpc = protocol === 'ProtoBuf:1' ? createProtobufRpc : createMsgpackRpc;
  const rpc = createRpc(definition.socket, info.Name, host);
  const instances = createInstances(rpc);
  const process = keepRunning(definition, host);

  return {
    info,
    socket: definition.socket,
    get pid() {
      return process.pid();
    },
    async handleEvent(context, phase, plugin) {
      for (;;) {
        const id = await instances.get(plugin);
        try {
          await rpc.handleEvent(context, phase, id);
          return;
        } catch (error) {
          if (error instanceof ConnectionClosed && !context.response.destroyed) {
            instances.forgetAll();
            host.log('warn', error.message);
            continue;
          }
          if (!rpc.failsOpen || error instanceof PdkFailure) throw error;
          host.log('err', (error as Error).message);
          return;
        }
      }
    },
    async close() {
      rpc.close();
      await process.end();
    },
  };
}

function queryPlugin({ name, queryCommand }: PluginServerDefinition): { protocol: string; info: PluginInfo } {
  let printed: string;
  try {
    printed = execFileSync('/bin/sh', ['-c', `exec ${queryCommand}`], { env: ENVIRONMENT, cwd: '/', encoding: 'utf8' });
  } catch (error) {
    throw new Error(`failed loading external plugins: ${name}: ${(error as Error).message.split('\n')[0]}`);
  }
  const dump = JSON.parse(printed) as { Protocol?: string; Plugins?: PluginInfo[] } | PluginInfo[];
  const [info] = Array.isArray(dump) ? dump : (dump.Plugins ?? []);
  if (info === undefined) throw new Error(`failed loading external plugins: ${name}: its dump holds no plugin`);
  return { protocol: (Array.isArray(dump) ? undefined : dump.Protocol) ?? 'MsgPack:1', info };
}

/** Keeps the instance of each configuration of a plugin, and starts another when the configuration changes. */
function createInstances(rpc: Rpc) {
  const instances = new Map<string, { sequence: number; id: Promise<number> }>();

  async function replace(before: Promise<number>): Promise<void> {
    try {
      await rpc.closeInstance(await before);
    } catch {
      // Kong ignores this too: it may be another process by now.
    }
  }

  return {
    get({ key, sequence, config }: RunnableConfig): Promise<number> {
      const known = instances.get(key);
      if (known?.sequence === sequence) return known.id;
      const id = rpc.startInstance(config).catch((error: Error) => {
        instances.delete(key);
        throw new Error(`starting instance: ${error.message}`);
      });
      instances.set(key, { sequence, id });
      if (known !== undefined) {
        id.then(
          () => replace(known.id),
          () => {},
        );
      }
      return id;
    },
    forgetAll: () => instances.clear(),
  };
}

function keepRunning({ name, startCommand }: PluginServerDefinition, host: PdkHost) {
  let child: ChildProcess | undefined;
  let respawn: NodeJS.Timeout | undefined;
  let ending = false;

  function start(): void {
    const startedAt = performance.now();
    host.log('notice', `[pluginserver] starting pluginserver process for ${name}`);
    const started = spawn('/bin/sh', ['-c', `exec ${startCommand}`], {
      env: ENVIRONMENT,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    host.log('notice', `[pluginserver] started, pid ${started.pid}`);
    for (const stream of [started.stdout, started.stderr]) {
      eachLine(stream, (line) => host.log('info', `[${name}:${started.pid}] ${line}`));
    }
    started.on('error', (error) => host.log('err', `[pluginserver] ${error.message}`));
    started.on('exit', (code, signal) => {
      child = undefined;
      host.log(
        'notice',
        `external pluginserver '${name}' terminated: ${signal === null ? `exit ${code}` : `signal ${signal}`}`,
      );
      if (ending) return;
      respawn = setTimeout(start, Math.max(0, RESPAWN_MS - (performance.now() - startedAt)));
    });
  }
  if (startCommand !== undefined) start();

  return {
    pid: () => child?.pid,
    async end(): Promise<void> {
      ending = true;
      clearTimeout(respawn);
      if (child === undefined) return;
      const leaving = child;
      const exited = new Promise((resolve) => leaving.once('exit', resolve));
      leaving.kill('SIGTERM');
      const kill = setTimeout(() => leaving.kill('SIGKILL'), KILL_MS);
      await exited;
      clearTimeout(kill);
    },
  };
}

function eachLine(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}
