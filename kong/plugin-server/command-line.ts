/**
 * The command of a plugin, as Kong starts it: `--socket PATH` serves, `--dump` describes. Kong gives it an almost empty
 * environment, so every setting is a flag. What it prints is in Kong's error log, at info, unless its start command redirects it.
 */
import { parseArgs } from 'node:util';
import { isLoopback } from '../../plugins/shared/loopback.js';
import { type PluginModule, type RunningPlugin, VARIANTS } from '../../plugins/shared/plugin.js';
import { DEFAULT_DEADLINE_SECONDS } from './deadline.js';
import { describePlugin } from './dump.js';
import { createInstances } from './instances.js';
import { createMetrics } from './metrics.js';
import type { OperationsServer } from './operations.js';
import { startServer } from './server.js';
import { startWatchdog } from './watchdog.js';

/** Beyond this the process is taken as hung: longer than any work on one request, shorter than a client's patience. */
const STALL_MS = 5000;

const USAGE = `usage: NAME --socket PATH [--socket-mode 0600|0660] [--deadline SECONDS] [--name NAME]
            [--secrets-dir DIR]... [--log-dir DIR]... [--stdout PATH] [--metrics HOST:PORT]
            [--without-bodies | --without-log]
       NAME --dump [--socket PATH] [--name NAME] [--without-bodies | --without-log]`;

interface Settings {
  dump: boolean;
  name: string;
  socketPath: string;
  socketMode: number;
  deadlineMs: number;
  /** Folders below which the plugin may read secrets, absolute. */
  secretsDirs: string[];
  /** Which of the plugin's phases are left out. */
  variant: (typeof VARIANTS)[number] | undefined;
  /** Folders below which the plugin may write logs, absolute. */
  logDirs: string[];
  /** What the plugin may write to as standard output. */
  stdoutPath: string | undefined;
  /** Where operators reach the process; undefined: nowhere. */
  metrics: { host: string; port: number } | undefined;
}

/**
 * Reads the command line.
 * @throws Error with one line that says what is wrong
 */
export function parseCommandLine(args: readonly string[], defaultName: string): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      dump: { type: 'boolean', default: false },
      name: { type: 'string', default: defaultName },
      socket: { type: 'string', default: '' },
      'socket-mode': { type: 'string', default: '0600' },
      deadline: { type: 'string', default: String(DEFAULT_DEADLINE_SECONDS) },
      'secrets-dir': { type: 'string', multiple: true, default: [] },
      'log-dir': { type: 'string', multiple: true, default: [] },
      stdout: { type: 'string' },
      'without-bodies': { type: 'boolean', default: false },
      metrics: { type: 'string' },
      'without-log': { type: 'boolean', default: false },
    },
  });
  const deadlineMs = Number(values.deadline) * 1000;
  if (!(deadlineMs > 0 && deadlineMs <= 3_600_000)) throw new Error(`--deadline ${values.deadline}: seconds, above 0`);
  if (!/^0?6[06]0$/.test(values['socket-mode'])) {
    throw new Error(`--socket-mode ${values['socket-mode']}: 0600, or 0660 for the group`);
  }
  if (!/^[a-z0-9][a-z0-9-]*$/.test(values.name))
    throw new Error(`--name ${values.name}: small letters, digits, hyphens`);
  for (const flag of ['secrets-dir', 'log-dir'] as const) {
    for (const dir of values[flag]) {
      if (!dir.startsWith('/') || dir.replace(/\/+/g, '/') === '/') {
        throw new Error(`--${flag} ${dir}: the absolute path of a folder, not the root`);
      }
    }
  }
  if (values.stdout !== undefined && !/^\/.*[^/]$/.test(values.stdout)) {
    throw new Error(`--stdout ${values.stdout}: an absolute path, such as /proc/1/fd/1`);
  }
  if (!values.dump && values.socket === '') throw new Error('--socket PATH is missing');
  return {
    dump: values.dump,
    name: values.name,
    socketPath: values.socket,
    socketMode: Number.parseInt(values['socket-mode'], 8),
    deadlineMs,
    secretsDirs: values['secrets-dir'],
    variant: VARIANTS.find((flag) => values[flag]),
    logDirs: values['log-dir'],
    stdoutPath: values.stdout,
    metrics: values.metrics === undefined ? undefined : parseAddress(values.metrics),
  };
}

/** HOST:PORT of a loopback interface; an IPv6 address in brackets. */
function parseAddress(text: string): { host: string; port: number } {
  const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (!isLoopback(host) || Number(port) > 65_535)
    throw new Error(`--metrics ${text}: a loopback address and a port, such as 127.0.0.1:9500`);
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** Runs a plugin's command with the arguments of this process. */
export async function runPlugin(module: PluginModule): Promise<void> {
  let settings: Settings;
  let plugin = module;
  try {
    settings = parseCommandLine(process.argv.slice(2), plugin.Name);
    if (settings.variant !== undefined) plugin = variantOf(module, settings.variant);
  } catch (error) {
    process.stderr.write(`${plugin.Name}: ${(error as Error).message}\n${USAGE.replaceAll('NAME', plugin.Name)}\n`);
    process.exitCode = 1;
    return;
  }
  if (settings.dump) {
    process.stdout.write(`${JSON.stringify(describePlugin(plugin, settings.name, settings.socketPath))}\n`);
    return;
  }
  await serve(plugin, settings);
}

/** @throws Error if the plugin has no such variant */
function variantOf(plugin: PluginModule, flag: (typeof VARIANTS)[number]): PluginModule {
  const variant = plugin.variants?.[flag];
  if (variant === undefined) throw new Error(`--${flag}: this plugin has no such variant`);
  return { ...plugin, Plugin: variant };
}

async function serve(plugin: PluginModule, settings: Settings): Promise<void> {
  const log = (line: string): void => {
    process.stderr.write(`${new Date().toISOString()} ${line}\n`);
  };
  // Whoever read the log may be gone; the requests are not.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  process.on('unhandledRejection', (reason) => {
    log(`a promise that nobody waited for failed: ${reason instanceof Error ? reason.stack : String(reason)}`);
  });

  let isLeaving = false;
  const hurry = new AbortController();
  const leave = async (why: string): Promise<void> => {
    if (isLeaving) return;
    isLeaving = true;
    operations?.close();
    log(`${why}: finishing what has begun`);
    const drained = server.drain(settings.deadlineMs);
    try {
      await Promise.race([drained, aborted(hurry.signal)]);
      await shutdown(running, settings.deadlineMs, hurry.signal);
      await drained;
      // Events that still ran have left something to write.
      await shutdown(running, settings.deadlineMs, hurry.signal);
    } catch (error) {
      log(`not everything was written at the end: ${(error as Error).message}`);
    }
    process.exit(0);
  };

  /** Kong waits for nothing after its signal, not even for a worker's connections to close: what is to be written goes first. */
  const onSignal = (signal: string): void => {
    if (hurry.signal.aborted) process.exit(1);
    hurry.abort();
    void leave(signal);
  };

  const running = plugin.start?.() ?? plugin;
  const metrics = settings.metrics && (await createMetrics(settings.name, running.metrics ?? []));
  const instances = createInstances(plugin.Plugin, settings);
  const server = await startServer({
    pluginName: settings.name,
    instances,
    deadlineMs: settings.deadlineMs,
    socketPath: settings.socketPath,
    socketMode: settings.socketMode,
    log,
    observeEvent: metrics?.observeEvent,
    onTakenOver: () => void leave('the socket path leads to another process'),
  }).catch((error: Error) => {
    log(`${settings.name}: ${error.message}`);
    process.exit(1);
  });
  let operations: OperationsServer | undefined;
  if (settings.metrics !== undefined && metrics !== undefined) {
    // Loaded with the port: Node's HTTP costs memory that a process without one need not spend.
    const { serveOperations } = await import('./operations.js');
    operations = serveOperations(running.operations ?? [], metrics, settings.metrics, log);
  }
  startWatchdog(STALL_MS);
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // Without the time: for its first date V8 loads 0.9 MB, which a process that prints nothing else need not spend.
  process.stderr.write(`${settings.name} ${plugin.Version} listens on ${settings.socketPath}\n`);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Lets a plugin end what it has begun beside its events, but not for ever. */
async function shutdown(plugin: RunningPlugin, timeoutMs: number, hurry: AbortSignal): Promise<void> {
  const late = new Promise<void>((resolve) => {
    setTimeout(resolve, timeoutMs);
  });
  await Promise.race([plugin.shutdown?.(hurry), late]);
}
