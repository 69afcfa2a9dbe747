/**
 * `kong-genesys-cloud run`: the plugin servers that Kong is configured with and does not start, and Kong with them. In a
 * container it is the first process. Kong ends first, the plugin servers when it has answered its last request.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { configuredServers, readKongConf, withEnvironment } from '../kong-settings.js';
import { type Kept, keepRunning } from './keep-running.js';

export const RUN_USAGE = `usage: kong-genesys-cloud run [--conf FILE] [-- COMMAND ...]
  starts the plugin servers that Kong is configured with and does not start itself (--processes outside), waits until
  they listen, and starts COMMAND; ends them when it has ended. SIGQUIT, SIGTERM, SIGINT and SIGHUP go to COMMAND.
  --conf   Kong's settings (/etc/kong/kong.conf or /etc/kong.conf, if there is one); variables KONG_... come before them
  GENESYS_PLUGIN_SERVERS=elsewhere in the environment: another container has them, COMMAND alone is started
  COMMAND  such as kong docker-start in Kong's images; without one, the plugin servers run alone until SIGTERM`;

/** Where Kong looks for its settings. */
const CONFS = ['/etc/kong/kong.conf', '/etc/kong.conf'];

/** Of Kong's images. They know the command `kong docker-start`, which Kong itself does not. */
const ENTRY_POINTS = ['/docker-entrypoint.sh', '/entrypoint.sh'];

/** What nginx knows: end with the last request, or at once, or read the configuration again. */
const SIGNALS = ['SIGQUIT', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * Runs until the command has ended, or the signal to end.
 * @throws Error of one line that says what is wrong
 */
export async function runCommand(args: readonly string[]): Promise<{ text: string; exitCode: number }> {
  const { conf, command } = readArguments(args);
  const settings = withEnvironment(readKongConf(conf === undefined ? '' : readFileSync(conf, 'utf8')), process.env);
  const isElsewhere = process.env.GENESYS_PLUGIN_SERVERS === 'elsewhere';
  const servers = isElsewhere ? [] : configuredServers(settings).filter(({ isKongs }) => !isKongs);
  if (command.length === 0 && servers.length === 0)
    throw new Error(`no plugin server to start: ${conf ?? 'the environment'} names none, or Kong starts them`);
  let kong: ChildProcess | undefined;
  let isTold = false;
  const told = new Promise<void>((resolve) => {
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        if (kong !== undefined) kong.kill(signal);
        else if (signal !== 'SIGHUP') {
          isTold = true;
          resolve();
        }
      });
    }
  });
  const started = await Promise.allSettled(servers.map((server) => keepRunning(server.command, server.socket)));
  const kept = started.flatMap((one): Kept[] => (one.status === 'fulfilled' ? [one.value] : []));
  try {
    for (const one of started) if (one.status === 'rejected') throw one.reason;
    if (command.length === 0) await told;
    if (isTold) return { text: '', exitCode: 0 };
    const [executable = '', ...words] = command;
    kong = spawn(executable, words, { stdio: 'inherit' });
    return { text: '', exitCode: await endOf(kong) };
  } finally {
    await Promise.all(kept.map((one) => one.stop()));
  }
}

/** Returns the exit code of a process as a shell has it. @throws Error of one line, if it could not be started */
function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`${child.spawnfile} cannot be started: ${error.message}`)));
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

function readArguments(args: readonly string[]): { conf: string | undefined; command: string[] } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { conf: { type: 'string' } },
  });
  const entryPoint = ENTRY_POINTS.find((path) => existsSync(path));
  const isOfImage = positionals[0] === 'kong' && positionals[1] === 'docker-start' && entryPoint !== undefined;
  return {
    conf: values.conf ?? CONFS.find((path) => existsSync(path)),
    command: isOfImage ? [entryPoint, ...positionals] : positionals,
  };
}
