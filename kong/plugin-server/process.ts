/**
 * The process: one socket for its plugins, a port for operators, a watchdog, and an end that loses nothing. A signal, or
 * another process that takes over the socket's path, begins that end.
 */

import type { Host } from '../../plugins/shared/host.js';
import type { PluginModule, RunningPlugin } from '../../plugins/shared/plugin.js';
import { createServices } from '../../plugins/shared/services.js';
import type { RunningModule } from './hosted-plugin.js';
import { createInstances } from './instances.js';
import { createMetrics } from './metrics.js';
import type { OperationsServer } from './operations.js';
import type { Otlp } from './otlp/index.js';
import type { OtlpSettings } from './otlp/settings.js';
import { createRequestFeed } from './request-feed.js';
import { startServer } from './server.js';
import { startWatchdog } from './watchdog.js';

/** Beyond this the process is taken as hung: longer than any work on one request, shorter than a client's patience. */
const STALL_MS = 5000;

/** What a process is told on its command line. Folders are absolute. */
export interface ProcessSettings extends Host {
  /** What the process calls itself: its command, or its only plugin's name in Kong. */
  processName: string;
  socketPath: string;
  socketMode: number;
  deadlineMs: number;
  /** The folder in which counts survive a restart; undefined: they do not. */
  stateDir: string | undefined;
  /** Where operators reach the process; undefined: nowhere. */
  metrics: { host: string; port: number } | undefined;
  /** The collector of spans and metrics; undefined: none. */
  otlp: OtlpSettings | undefined;
}

/** Serves plugins until the process is told to leave. Each has the name that it has in Kong. */
export async function serve(plugins: readonly PluginModule[], settings: ProcessSettings): Promise<void> {
  const { processName } = settings;
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

  const fail = (error: Error): never => {
    log(`${processName}: ${error.message}`);
    process.exit(1);
  };

  const otlp = await openOtlp(plugins, settings, log).catch(fail);
  const running = [...startModules(plugins, settings.stateDir), ...(otlp === undefined ? [] : [otlp.module])];
  const needsMetrics = settings.metrics !== undefined || settings.otlp?.sendsMetrics === true;
  const metrics = needsMetrics ? await createMetrics(processName, running) : undefined;
  if (metrics !== undefined && settings.otlp?.sendsMetrics === true) otlp?.sendMetrics(metrics);
  const feed = settings.metrics && createRequestFeed(() => performance.now());
  const instances = createInstances(plugins, settings);
  const server = await startServer({
    instances,
    deadlineMs: settings.deadlineMs,
    socketPath: settings.socketPath,
    socketMode: settings.socketMode,
    log,
    observeEvent: metrics?.observeEvent,
    observeEntry: feed?.note,
    traceEvent: otlp?.traceEvent,
    onTakenOver: () => void leave('the socket path leads to another process'),
  }).catch(fail);
  let operations: OperationsServer | undefined;
  if (settings.metrics !== undefined && metrics !== undefined && feed !== undefined) {
    // Loaded with the port: Node's HTTP costs memory that a process without one need not spend.
    const { serveOperations } = await import('./operations.js');
    operations = serveOperations(
      [...running.flatMap(({ operations: some = [] }) => some), feed.operation],
      metrics,
      settings.metrics,
      log,
    );
  }
  startWatchdog(STALL_MS);
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // Without the time: for its first date V8 loads 0.9 MB, which a process that prints nothing else need not spend.
  process.stderr.write(`${processName} ${plugins[0]?.Version} listens on ${settings.socketPath}\n`);
}

/** Loads OpenTelemetry if it is on: a process without it does not pay for it. @throws ConfigError */
async function openOtlp(
  plugins: readonly PluginModule[],
  settings: ProcessSettings,
  log: (line: string) => void,
): Promise<Otlp | undefined> {
  if (settings.otlp === undefined) return undefined;
  const { startOtlp } = await import('./otlp/index.js');
  const version = plugins[0]?.Version ?? '';
  return startOtlp(settings.otlp, { name: settings.processName, version, host: settings, log });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * Starts the state of each plugin once, also if it has several names in Kong, or if a plugin with several parts has it
 * too. Such a state has the name of the plugin that has it alone. What they share, such as Redis, is made once.
 */
function startModules(plugins: readonly PluginModule[], stateDir: string | undefined): RunningModule[] {
  const services = createServices(stateDir);
  const modules = plugins.map((plugin) => ({ name: plugin.Name, running: plugin.start?.(services) ?? plugin }));
  const alone = modules.filter(({ running }) => running.parts === undefined);
  const started = new Map<RunningPlugin, RunningModule>();
  for (const { name, running } of [...alone, ...modules]) {
    for (const part of running.parts ?? [running]) {
      if (!started.has(part)) started.set(part, { ...part, name });
    }
  }
  return [...started.values()];
}

/** Lets plugins end what they have begun beside their events, but not for ever. */
async function shutdown(plugins: readonly RunningPlugin[], timeoutMs: number, hurry: AbortSignal): Promise<void> {
  const late = new Promise<void>((resolve) => {
    setTimeout(resolve, timeoutMs);
  });
  await Promise.race([Promise.all(plugins.map((plugin) => plugin.shutdown?.(hurry))), late]);
}
