/**
 * `kong-genesys-cloud`: prints what Kong must be told to run the plugins of the package where it was installed, with the
 * paths of this machine; or tells whether they run there. It changes nothing.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SERVED } from '../plugin-list.js';
import { namesOf, type PluginChoice, readPlugins } from '../plugin-server/hosted-plugin.js';
import { asLua } from './lua-schema.js';
import {
  asEnvironment,
  asHelmValues,
  asKongConf,
  type InstallSettings,
  pluginServerSettings,
  type Setting,
} from './plugin-server-settings.js';
import { deafSockets, type RunningKong, runningKong, unreadiness } from './readiness.js';
import { asSystemdUnit } from './systemd.js';

/** Below Kong's prefix, where the plugin servers' sockets are: whoever may make those may make this. */
const AUDIT_LOG = 'genesys-audit.log';

/** Plugins that count use. */
const COUNTING = new Set(['genesys-quota', 'genesys-token-manager', 'genesys-gateway']);

/** A schema for Konnect's control planes, of one plugin. */
const LUA_SCHEMA = 'lua-schema';
const FORMATS = { conf: asKongConf, env: asEnvironment, helm: asHelmValues };
const SYSTEMD = 'systemd';
/** What is kept in a container goes with it. */
const FOR_MACHINES = ['conf', SYSTEMD];

/** Kong's entry points empty folders in its prefix when they start, and a container may have its own. */
const OUTSIDE_SOCKETS = '/run/kong-genesys-cloud';

const PROCESSES = ['one', 'each', 'outside'] as const;

export const USAGE = `usage: kong-genesys-cloud try audit --config FILE --route NAME [--content-type TYPE] < BODY
         prints what genesys-pii-log would log of a body on a route, and why each value is shown or masked
       kong-genesys-cloud try filter --config FILE --route NAME [--method GET] [--path PATH] [--status 200] < BODY
         prints what genesys-response-filter would let out of the service's answer, and why each value leaves or stays
       kong-genesys-cloud [--ready] [--format conf|env|helm|systemd|lua-schema] [--plugins PLUGIN,...]
                          [--processes one|each|outside] [--sockets DIR] [--prefix DIR] [--log FILE] [-- FLAG ...]
       kong-genesys-cloud check FILE...
       kong-genesys-cloud combine FILE
       kong-genesys-cloud doctor [FILE]
       kong-genesys-cloud render [--region REGION] [...]
       kong-genesys-cloud run [--conf FILE] [-- COMMAND ...]
       kong-genesys-cloud suggest filter [...]
       kong-genesys-cloud usage [--month MONTH] [...]
  --ready    prints nothing, and fails unless the plugin servers answer that the Kong with this prefix is configured with,
             and Kong's status port says that it is ready: for health checks. With --plugins or --processes only those
             plugin servers are asked
  --format   lines of kong.conf (default), variables for a container, or values of Kong's Helm chart;
             systemd prints the unit that runs the plugin servers of --processes outside;
             lua-schema --plugin NAME prints the plugin's schema.lua, which Konnect's control planes need
  --plugins  which plugins (default: all): ${namesOf(SERVED)};
             genesys-quota:without-log leaves a phase out; fast=genesys-quota:without-log is one more plugin for Kong
  --processes  one process for all plugins (default), or one for each; outside: one for all that Kong does not start
  --prefix   Kong's prefix (KONG_PREFIX, or /usr/local/kong)
  --sockets  the folder of the sockets (Kong's prefix; ${OUTSIDE_SOCKETS} for outside)
  --node     the node executable (the one that runs this)
  --package  the package's folder (the one that this lies in)
  --log      a file to which the plugin servers append what they print, such as stacks; /proc/1/fd/2 in a container
  after --   further flags of the plugin servers, such as --secrets-dir /run/secrets; without --stdout, the audit log
             of kong.yml goes to ${AUDIT_LOG} in Kong's prefix; without --state-dir, use is kept there too`;

/**
 * Runs the command; answers with what it prints.
 * @param here where this runs: the node executable, and the package's folder
 * @throws Error of one line that says what is wrong
 */
export async function run(args: readonly string[], here: Here): Promise<string> {
  const { install, settings, format, ready, schema } = readArguments(args, here);
  if (schema !== undefined) return asLua(await here.schemaOf?.(schema.module, schema.name));
  if (!ready) return format === undefined ? asSystemdUnit(install) : format(settings);
  const { sockets = socketsOf(settings), statusUrl } = ready;
  const [deaf, reason] = await Promise.all([deafSockets(sockets), statusUrl && unreadiness(statusUrl)]);
  if (deaf.length > 0) throw new Error(`not ready: nobody answers on ${deaf.join(', ')}`);
  if (reason) throw new Error(`not ready: ${reason}`);
  return '';
}

function socketsOf(settings: readonly Setting[]): string[] {
  return [...new Set(settings.filter(([name]) => name.endsWith('_socket')).map(([, path]) => path))];
}

interface Here extends Pick<InstallSettings, 'node' | 'packageFolder'> {
  /** Returns the schema of a plugin, as Kong reads it. */
  schemaOf?(module: string, name: string): Promise<unknown>;
}

function readArguments(args: readonly string[], here: Here) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ready: { type: 'boolean', default: false },
      format: { type: 'string', default: 'conf' },
      plugins: { type: 'string' },
      plugin: { type: 'string' },
      processes: { type: 'string' },
      prefix: { type: 'string', default: process.env.KONG_PREFIX ?? '/usr/local/kong' },
      node: { type: 'string', default: here.node },
      package: { type: 'string', default: here.packageFolder },
      log: { type: 'string' },
      sockets: { type: 'string' },
    },
  });
  const schema = values.format === LUA_SCHEMA ? readSchemaName(values.plugin) : undefined;
  const format = Object.entries(FORMATS).find(([name]) => name === values.format)?.[1];
  if (format === undefined && ![SYSTEMD, LUA_SCHEMA].includes(values.format))
    throw new Error(`--format ${values.format}: ${[...Object.keys(FORMATS), SYSTEMD, LUA_SCHEMA].join(', ')}`);
  if (schema === undefined && values.plugin !== undefined) throw new Error(`--plugin is for --format ${LUA_SCHEMA}`);
  const { processes: asked = 'one' } = values;
  const processes = PROCESSES.find((one) => one === asked);
  if (processes === undefined) throw new Error(`--processes ${asked}: one, each or outside`);
  if (values.format === SYSTEMD && processes !== 'outside')
    throw new Error(`--format ${SYSTEMD} needs --processes outside: Kong starts the others`);
  const plugins = values.plugins === undefined ? SERVED : readPlugins(values.plugins, SERVED);
  const prefix = readPath('prefix', values.prefix);
  const install: InstallSettings = {
    plugins,
    processes,
    node: readPath('node', values.node),
    packageFolder: readPath('package', values.package),
    sockets: readPath('sockets', values.sockets ?? (processes === 'outside' ? OUTSIDE_SOCKETS : prefix)),
    flags: [
      ...positionals,
      ...(FOR_MACHINES.includes(values.format) ? stateFlags(plugins, positionals, prefix) : []),
      ...logFlags(plugins, positionals, prefix),
    ],
    log: values.log === undefined ? undefined : readPath('log', values.log),
  };
  // What is asked for by name is asked; otherwise what Kong is configured with.
  const isNamed = values.plugins !== undefined || values.processes !== undefined;
  const ready: false | Partial<RunningKong> = values.ready && ((!isNamed && runningKong(prefix)) || {});
  return { install, settings: pluginServerSettings(install), format, ready, schema };
}

/** @throws Error unless the plugin is one that is served */
function readSchemaName(name = ''): PluginChoice {
  const [choice] = SERVED.filter((one) => one.name === name);
  if (choice === undefined) throw new Error(`--format ${LUA_SCHEMA} needs --plugin: one of ${namesOf(SERVED)}`);
  return choice;
}

/** Returns where the audit log writes, unless it is said: with nothing to write to, it would refuse all requests. */
function logFlags(plugins: readonly PluginChoice[], flags: readonly string[], prefix: string): string[] {
  const hasLog = plugins.some(({ module }) => module === 'genesys-pii-log' || module === 'genesys-gateway');
  return hasLog && !names(flags, '--stdout') ? ['--stdout', join(prefix, AUDIT_LOG)] : [];
}

/** Returns where use is kept, unless it is said, or the audit log says that this is for a container. */
function stateFlags(plugins: readonly PluginChoice[], flags: readonly string[], prefix: string): string[] {
  const counts = plugins.some(({ module }) => COUNTING.has(module));
  const isContainer = names(flags, '--stdout', '/proc/');
  return counts && !isContainer && !names(flags, '--state-dir') ? ['--state-dir', prefix] : [];
}

/** Returns whether a flag is given, with a value that begins so. */
function names(flags: readonly string[], flag: string, beginning = ''): boolean {
  return flags.some(
    (text, index) =>
      (text === flag && flags[index + 1]?.startsWith(beginning)) || text.startsWith(`${flag}=${beginning}`),
  );
}

/** Kong splits commands at spaces, and has no way to quote one. */
function readPath(option: string, path: string): string {
  if (!path.startsWith('/') || /\s/.test(path)) {
    throw new Error(`--${option} ${path}: an absolute path without spaces`);
  }
  return path === '/' ? path : resolve(path);
}
