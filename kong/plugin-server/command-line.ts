/**
 * The command of a plugin server, as Kong starts it: `--socket PATH` serves, `--dump` describes. Kong gives it an almost
 * empty environment, so every setting is a flag. What it prints is in Kong's error log, at info, unless its start
 * command redirects it.
 */
import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { isLoopback } from '../../plugins/shared/loopback.js';
import { type PluginModule, VARIANTS } from '../../plugins/shared/plugin.js';
import { DEFAULT_DEADLINE_SECONDS } from './deadline.js';
import { describePlugin } from './dump.js';
import { hostedPlugin, namesOf, type PluginChoice, readPluginName, readPlugins } from './hosted-plugin.js';
import { OTLP_OPTIONS, OTLP_USAGE, type OtlpFlags, readOtlpFlags } from './otlp/settings.js';
import { type ProcessSettings, serve } from './process.js';

const USAGE_OF_ONE = `usage: NAME --socket PATH [--socket-mode 0600|0660] [--deadline SECONDS] [--name NAME]
            [--secrets-dir DIR]... [--log-dir DIR]... [--state-dir DIR] [--stdout PATH] [--metrics HOST:PORT]
            ${OTLP_USAGE}
            [--without-bodies | --without-log]
       NAME --dump [--socket PATH] [--name NAME] [--without-bodies | --without-log]`;

const USAGE_OF_ALL = `usage: NAME --socket PATH [--plugins PLUGIN,...] [--socket-mode 0600|0660] [--deadline SECONDS]
            [--secrets-dir DIR]... [--log-dir DIR]... [--state-dir DIR] [--stdout PATH] [--metrics HOST:PORT]
            ${OTLP_USAGE}
       NAME --dump --plugin NAME [--socket PATH] [--plugins PLUGIN,...]
       a PLUGIN is a name, as in genesys-quota; with a phase left out, as in genesys-quota:without-log; or
       under another name in Kong, as in unbuffered=genesys-pii-log:without-bodies`;

/** The modules that a command can run. */
export interface Modules {
  /** The command's own name. */
  command: string;
  /** What it serves unless `--plugins` chooses. */
  plugins: readonly PluginChoice[];
  /** Imports a module, by its name. */
  load(name: string): PluginModule | Promise<PluginModule>;
}

interface Settings extends ProcessSettings {
  plugins: PluginChoice[];
  /** The name in Kong of the plugin to describe; undefined: the process serves. */
  dumped: string | undefined;
}

const COMMON_OPTIONS = {
  dump: { type: 'boolean', default: false },
  socket: { type: 'string', default: '' },
  'socket-mode': { type: 'string', default: '0600' },
  deadline: { type: 'string', default: String(DEFAULT_DEADLINE_SECONDS) },
  'secrets-dir': { type: 'string', multiple: true, default: [] as string[] },
  'log-dir': { type: 'string', multiple: true, default: [] as string[] },
  'state-dir': { type: 'string' },
  stdout: { type: 'string' },
  metrics: { type: 'string' },
  ...OTLP_OPTIONS,
} as const;

/**
 * Reads the command line of one plugin's command.
 * @throws Error with one line that says what is wrong
 */
export function parseCommandLine(args: readonly string[], module: string): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...COMMON_OPTIONS,
      name: { type: 'string', default: module },
      'without-bodies': { type: 'boolean', default: false },
      'without-log': { type: 'boolean', default: false },
    },
  });
  const name = readPluginName('name', values.name);
  const variant = VARIANTS.find((flag) => values[flag]);
  return {
    ...readCommon(values, name),
    plugins: [{ name, module, variant }],
    dumped: values.dump ? name : undefined,
  };
}

/**
 * Reads the command line of the command for all plugins.
 * @throws Error with one line that says what is wrong
 */
export function parseCommandLineOfAll(args: readonly string[], { command, plugins: known }: Modules): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...COMMON_OPTIONS,
      plugins: { type: 'string' },
      plugin: { type: 'string' },
    },
  });
  const plugins = values.plugins === undefined ? [...known] : readPlugins(values.plugins, known);
  const { dump, plugin } = values;
  if (dump !== (plugin !== undefined)) throw new Error('--dump and --plugin NAME belong together');
  if (plugin !== undefined && !plugins.some(({ name }) => name === plugin))
    throw new Error(`--plugin ${plugin}: known are ${namesOf(plugins)}`);
  return { ...readCommon(values, command), plugins, dumped: plugin };
}

interface CommonValues extends OtlpFlags {
  dump: boolean;
  socket: string;
  'socket-mode': string;
  deadline: string;
  'secrets-dir': string[];
  'log-dir': string[];
  'state-dir'?: string | undefined;
  stdout?: string | undefined;
  metrics?: string | undefined;
}

function readCommon(values: CommonValues, processName: string): ProcessSettings {
  const deadlineMs = Number(values.deadline) * 1000;
  if (!(deadlineMs > 0 && deadlineMs <= 3_600_000)) throw new Error(`--deadline ${values.deadline}: seconds, above 0`);
  if (!/^0?6[06]0$/.test(values['socket-mode'])) {
    throw new Error(`--socket-mode ${values['socket-mode']}: 0600, or 0660 for the group`);
  }
  for (const flag of ['secrets-dir', 'log-dir', 'state-dir'] as const) {
    for (const dir of [values[flag] ?? []].flat()) {
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
    processName,
    socketPath: values.socket,
    socketMode: Number.parseInt(values['socket-mode'], 8),
    deadlineMs,
    secretsDirs: values['secrets-dir'],
    logDirs: values['log-dir'],
    stateDir: values['state-dir'],
    stdoutPath: values.stdout,
    metrics: values.metrics === undefined ? undefined : parseAddress(values.metrics),
    otlp: readOtlpFlags(values),
  };
}

/** HOST:PORT of an interface; an IPv6 address in brackets. */
function parseAddress(text: string): { host: string; port: number } {
  const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const isAddress = isLoopback(host) || isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0;
  if (!isAddress || Number(port) > 65_535)
    throw new Error(`--metrics ${text}: an address and a port, such as 127.0.0.1:9500 or 0.0.0.0:9500`);
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** Runs a plugin's command with the arguments of this process. */
export async function runPlugin(module: PluginModule): Promise<void> {
  const plugins = [{ name: module.Name, module: module.Name, variant: undefined }];
  const modules = { command: module.Name, plugins, load: () => module };
  await run(modules, USAGE_OF_ONE, (args) => parseCommandLine(args, module.Name));
}

/** Runs the command for all plugins with the arguments of this process. */
export async function runPlugins(modules: Modules): Promise<void> {
  await run(modules, USAGE_OF_ALL, (args) => parseCommandLineOfAll(args, modules));
}

async function run(modules: Modules, usage: string, parse: (args: string[]) => Settings): Promise<void> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${usage.replaceAll('NAME', modules.command)}\n`);
    return;
  }
  let settings: Settings;
  let plugins: PluginModule[];
  try {
    settings = parse(process.argv.slice(2));
    const { dumped } = settings;
    const chosen = settings.plugins.filter(({ name }) => dumped === undefined || name === dumped);
    plugins = await Promise.all(chosen.map(async (choice) => hostedPlugin(await modules.load(choice.module), choice)));
  } catch (error) {
    const { command } = modules;
    process.stderr.write(`${command}: ${(error as Error).message}\n${usage.replaceAll('NAME', command)}\n`);
    process.exitCode = 1;
    return;
  }
  const [first] = plugins;
  if (settings.dumped !== undefined && first !== undefined) {
    process.stdout.write(`${JSON.stringify(describePlugin(first, first.Name, settings.socketPath))}\n`);
    return;
  }
  await serve(plugins, settings);
}
