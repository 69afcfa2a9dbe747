/**
 * What Kong must be told to run the plugins of this package: lines for kong.conf, or variables for a container. Paths are
 * absolute, since Kong gives a plugin server neither PATH nor any other variable. Pure.
 */
import { join } from 'node:path';
import { patienceSeconds } from '../plugin-server/deadline.js';
import type { PluginChoice } from '../plugin-server/hosted-plugin.js';
import { commandsOfOneProcess, commandsOfOwnProcess, type PluginServerCommands } from '../plugin-server-commands.js';

export interface InstallSettings {
  plugins: readonly PluginChoice[];
  /** One process for all plugins, one for each, or one for all that something else than Kong starts. */
  processes: 'one' | 'each' | 'outside';
  /** The node executable. */
  node: string;
  /** The package's folder, the one with `dist` in it. */
  packageFolder: string;
  /** The folder of the sockets. */
  sockets: string;
  /** Further flags of all plugin servers, such as `--secrets-dir`. */
  flags: readonly string[];
  /** A file to which the plugin servers append what they print; undefined: Kong's error log has it, at level info. */
  log?: string | undefined;
}

/** A setting of Kong, by its name in kong.conf. */
export type Setting = readonly [name: string, value: string];

/**
 * Returns the settings of nginx that the plugins rely on.
 * @param deadlineSeconds of the plugin servers
 */
export function nginxSettings(deadlineSeconds?: number): Setting[] {
  const patience = `${patienceSeconds(deadlineSeconds)}s`;
  return [
    // What does not fit into these of an answer that Kong buffers goes to a temporary file, unfiltered. Each is allocated
    // when it is needed. Together 11 MiB: the filter's `max_body_bytes` and room for headers.
    ['nginx_proxy_proxy_buffers', '176 64k'],
    // For answers that Kong does not buffer, since a slow client would make nginx hold 11 MiB for each.
    ['nginx_location_proxy_buffers', '8 8k'],
    // `retries` of a service are for connections that fail. With nginx's default, also for timeouts, a client would wait
    // four times as long as it was told, and Genesys would work four times for one request that is counted.
    ['nginx_proxy_proxy_next_upstream', 'error'],
    // Kong itself sets no limit to how long it waits for a plugin server: nginx's 60 s would hold.
    ['nginx_http_lua_socket_read_timeout', patience],
    ['nginx_http_lua_socket_send_timeout', patience],
  ];
}

/** Returns the settings, in the order of kong.conf. */
export function pluginServerSettings(settings: InstallSettings): Setting[] {
  const { processes, flags, log } = settings;
  const commands = commandsOf(settings);
  const told = processes === 'outside' ? commands.map(withoutStart) : commands;
  return [...nginxSettings(deadlineOf(flags)), ...settingsOf(told, log)];
}

/** Returns the commands of the plugin servers, whoever starts them. */
export function commandsOf(settings: InstallSettings): PluginServerCommands[] {
  const { plugins, processes, node, packageFolder, sockets, flags } = settings;
  const place = { node, dist: join(packageFolder, 'dist'), folder: sockets };
  return processes === 'each'
    ? plugins.map((plugin) => commandsOfOwnProcess(plugin, place, flags))
    : commandsOfOneProcess(plugins, place, flags);
}

/** Leaves out the start command: Kong then takes it that something else starts the process. */
export function withoutStart(server: PluginServerCommands): PluginServerCommands {
  return { ...server, startCommand: undefined };
}

/** Returns Kong's settings for plugin servers. @param log a file for what their processes print */
export function settingsOf(commands: readonly PluginServerCommands[], log?: string): Setting[] {
  const names = commands.map(({ name }) => name);
  return [
    ['plugins', ['bundled', ...names].join(',')],
    ['pluginserver_names', names.join(',')],
    ...commands.flatMap(({ name, socket, startCommand, queryCommand }): Setting[] => {
      const setting = `pluginserver_${name.replaceAll('-', '_')}`;
      const start: Setting[] = startCommand === undefined ? [] : [[`${setting}_start_cmd`, withLog(startCommand, log)]];
      return [[`${setting}_socket`, socket], ...start, [`${setting}_query_cmd`, queryCommand]];
    }),
  ];
}

/** Appends what a process prints to a file: Kong runs the command by a shell. */
function withLog(startCommand: string, path: string | undefined): string {
  return path === undefined ? startCommand : `${startCommand} >> ${path} 2>&1`;
}

/**
 * Returns the deadline of plugin servers with these flags, in seconds; undefined if they leave it as it is.
 * @throws Error for one that no plugin server takes
 */
export function deadlineOf(flags: readonly string[]): number | undefined {
  const deadline = /(?:^| )--deadline[= ](\S+)/.exec(flags.join(' '))?.[1];
  if (deadline === undefined) return undefined;
  const seconds = Number(deadline);
  if (!(seconds > 0)) throw new Error(`--deadline ${deadline}: seconds, above 0`);
  return Math.ceil(seconds);
}

/** For kong.conf. */
export function asKongConf(settings: readonly Setting[]): string {
  return settings.map(([name, value]) => `${name} = ${value}\n`).join('');
}

/** For an environment file, or `docker run --env-file`. */
export function asEnvironment(settings: readonly Setting[]): string {
  return Object.entries(environmentOf(settings))
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** For the environment of a process. */
export function environmentOf(settings: readonly Setting[]): Record<string, string> {
  return Object.fromEntries(settings.map(([name, value]) => [`KONG_${name.toUpperCase()}`, value]));
}

/** For the `env` of Kong's Helm chart, which adds KONG_ itself. */
export function asHelmValues(settings: readonly Setting[]): string {
  return `env:\n${settings.map(([name, value]) => `  ${name}: ${JSON.stringify(value)}\n`).join('')}`;
}
