/**
 * Runs a real Kong on this machine, DB-less, on loopback ports, with this repository's plugin servers. Needs
 * `KONG_BIN`, or `kong` on PATH.
 */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { environmentOf, nginxSettings, settingsOf, withoutStart } from '../install/plugin-server-settings.js';
import { type Kept, keepRunning } from '../install/run/keep-running.js';
import type { PluginServerCommands } from '../plugin-server-commands.js';
import { freePort } from './free-port.js';
import { type ExternalPlugin, pluginServerCommands } from './plugin-servers.js';
import { childrenOf, commandOf, processesThat } from './processes.js';

/** A declarative configuration, as in kong.yml. */
export type Declarative = Record<string, unknown>;

export interface NativeKongOptions {
  config: Declarative;
  plugins: readonly ExternalPlugin[];
  /** Added to Kong's environment, for `{vault://env/...}`. */
  env?: Record<string, string>;
  /** The number of nginx workers. */
  workers?: number;
  /** 0 picks a free port. */
  port?: number;
  /** How long Kong waits for a plugin server. Default: the time in the settings that we print. */
  pluginServerTimeoutMs?: number;
  /** Whether plugin servers run outside Kong. Default: what PROCESSES in the environment says. */
  outside?: boolean;
}

export interface NativeKong {
  url: string;
  /** TLS with the certificate that Kong makes for itself, and HTTP/2 if the client asks for it. */
  tlsUrl: string;
  adminUrl: string;
  /** Kong's prefix: sockets, logs, temporary files. */
  prefix: string;
  /** Kong's error log. */
  errorLogPath: string;
  /** What the plugin servers print. */
  pluginLogPath: string;
  /** Returns the text of both logs so far. */
  errorLog(): string;
  /** Returns the process that serves a plugin now, or undefined if there is none. */
  pluginServerPid(name: string): number | undefined;
  /** Returns all processes that serve a plugin: two while a newer one takes over. */
  pluginServerPids(name: string): number[];
  /** nginx's master process, the parent of its workers. */
  masterPid: number;
  /** Returns nginx's workers, including those that are finishing their requests. */
  workerPids(): number[];
  /** Runs `kong reload` with another configuration. Resolves when the old workers have exited. */
  reload(next: Declarative): Promise<void>;
  /** Runs `kong quit`: Kong takes no more requests, and ends with the last one, or after so many seconds. */
  quit(seconds: number): Promise<unknown>;
  close(): Promise<void>;
}

/** Returns undefined if there is a Kong, otherwise why it cannot be started. */
export function kongMissing(): string | undefined {
  const kong = process.env.KONG_BIN ?? 'kong';
  try {
    execFileSync(kong, ['version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return `no Kong: neither KONG_BIN nor kong on PATH (${kong}) runs`;
  }
}

const STOP_TIMEOUT_MS = 40_000;

/**
 * Starts Kong and waits until it and its plugin servers accept.
 * @throws Error of one line or in Kong's own words, if there is no Kong or it does not start
 */
export async function startNativeKong(options: NativeKongOptions): Promise<NativeKong> {
  const { config, plugins, env = {}, workers = 1, pluginServerTimeoutMs } = options;
  const { outside = process.env.PROCESSES === 'outside' } = options;
  const kong = process.env.KONG_BIN ?? 'kong';
  const prefix = mkdtempSync(join(tmpdir(), 'kong-'));
  const [port, tlsPort, adminPort] = [options.port || (await freePort()), await freePort(), await freePort()];
  const [errorLogPath, pluginLogPath] = [join(prefix, 'logs/error.log'), join(prefix, 'plugin-servers.log')];
  const declarative = join(prefix, 'kong.json');
  const write = (content: Declarative): void =>
    writeFileSync(declarative, JSON.stringify({ _format_version: '3.0', ...content }), { mode: 0o600 });
  write(config);
  const servers = pluginServerCommands(plugins, prefix);
  const kongEnv = {
    // Otherwise the workers, and plugin servers with them, are another user's, who may not enter our folders.
    ...(process.getuid?.() === 0 && { KONG_NGINX_USER: 'root root' }),
    ...process.env,
    ...environmentOf(nginxSettings()),
    ...(pluginServerTimeoutMs && { KONG_NGINX_HTTP_LUA_SOCKET_READ_TIMEOUT: `${pluginServerTimeoutMs}ms` }),
    ...env,
    KONG_PREFIX: prefix,
    KONG_DATABASE: 'off',
    KONG_DECLARATIVE_CONFIG: declarative,
    KONG_PROXY_LISTEN: `127.0.0.1:${port} backlog=16384, 127.0.0.1:${tlsPort} ssl http2`,
    KONG_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
    KONG_ADMIN_GUI_LISTEN: 'off',
    KONG_STATUS_LISTEN: 'off',
    KONG_ANONYMOUS_REPORTS: 'off',
    KONG_PROXY_ACCESS_LOG: 'off',
    KONG_ADMIN_ACCESS_LOG: 'off',
    KONG_NGINX_WORKER_PROCESSES: String(workers),
    ...environmentOf(settingsOf(outside ? servers.map(withoutStart) : servers, pluginLogPath)),
  };
  const run = promisify(execFile);
  const kept = outside ? await startOutside(servers, pluginLogPath) : [];
  const stopOutside = (): Promise<unknown> => Promise.all(kept.map((one) => one.stop()));
  try {
    await run(kong, ['start'], { env: kongEnv });
  } catch (error) {
    // A Ctrl-C may end the command when nginx runs already.
    await run(kong, ['stop', '--prefix', prefix], { env: kongEnv }).catch(() => {});
    await stopOutside();
    rmSync(prefix, { recursive: true, force: true });
    throw new Error(startFailure(kong, error as NodeJS.ErrnoException & { stderr?: string }));
  }
  const pluginServerPids = (name: string): number[] =>
    servers.filter((server) => server.name === name).flatMap(({ socket }) => processesServing(socket));
  const pluginServerPid = (name: string): number | undefined => pluginServerPids(name)[0];
  const masterPid = Number(readFileSync(join(prefix, 'pids/nginx.pid'), 'utf8'));
  const workerPids = (): number[] =>
    childrenOf(masterPid).filter((pid) => commandOf(pid).includes('nginx: worker process'));
  return {
    url: `http://127.0.0.1:${port}`,
    tlsUrl: `https://127.0.0.1:${tlsPort}`,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    prefix,
    errorLogPath,
    pluginLogPath,
    errorLog: () => [errorLogPath, pluginLogPath].map(textOf).join(''),
    pluginServerPid,
    pluginServerPids,
    masterPid,
    workerPids,
    async reload(next) {
      write(next);
      const before = workerPids();
      await run(kong, ['reload', '--prefix', prefix], { env: kongEnv });
      await until(() => !workerPids().some((pid) => before.includes(pid)));
    },
    quit: (seconds) => run(kong, ['quit', '--prefix', prefix, '--timeout', String(seconds)], { env: kongEnv }),
    async close() {
      // It may have quit.
      await run(kong, ['stop', '--prefix', prefix], { env: kongEnv }).catch(() => {});
      await stopOutside();
      await until(() => plugins.every(({ name }) => pluginServerPid(name) === undefined));
      rmSync(prefix, { recursive: true, force: true });
    },
  };
}

/** Starts plugin servers as a service manager does. */
function startOutside(servers: readonly PluginServerCommands[], logPath: string): Promise<Kept[]> {
  return Promise.all(
    servers.flatMap(({ socket, startCommand }) =>
      startCommand === undefined
        ? []
        : [keepRunning(['/bin/sh', '-c', `exec ${startCommand} >> ${logPath} 2>&1`], socket)],
    ),
  );
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function startFailure(kong: string, error: NodeJS.ErrnoException & { stderr?: string }): string {
  if (error.code === 'ENOENT') return `${kong} is not there: install Kong 3.9, or name it by KONG_BIN`;
  return `${kong} start: ${error.stderr?.trim() || error.message}`;
}

/** Waits for the effect of a Kong command, but not for ever. */
async function until(condition: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + STOP_TIMEOUT_MS;
  while (!condition() && performance.now() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 50));
}

/**
 * Finds the processes that serve a socket (Linux: by their command lines in /proc). kong-js-pluginserver gets the
 * socket's folder and name as separate arguments.
 */
export function processesServing(socket: string): number[] {
  return processesThat((read) => {
    const command = read('cmdline').split('\0');
    const has = (...words: string[]): boolean => words.every((word) => command.includes(word));
    const serves = has(socket) || has(dirname(socket), basename(socket));
    return command[0] === process.execPath && serves && !command.some((word) => word.startsWith('--dump'));
  });
}
