/**
 * How Kong starts the plugin servers of this package, and asks them for their plugins. Commands are absolute: Kong gives
 * neither PATH nor any other variable. Pure.
 */
import { join } from 'node:path';
import { NODE_OPTIONS, SERVED } from './plugin-list.js';
import type { PluginChoice } from './plugin-server/hosted-plugin.js';

/** Kong's settings of one plugin: `pluginserver_<name>_socket`, `_start_cmd`, `_query_cmd`. */
export interface PluginServerCommands {
  /** The plugin's name in Kong. */
  name: string;
  socket: string;
  /** Undefined if the process is another plugin's to start. */
  startCommand?: string | undefined;
  queryCommand: string;
}

/** Where plugin servers run. */
export interface Place {
  /** The node executable. */
  node: string;
  /** The build's folder. */
  dist: string;
  /** The folder of the sockets. */
  folder: string;
}

/** The name of the command and of the socket of one process for several plugins. */
const ONE_PROCESS = 'genesys-plugins';

/**
 * Returns the commands of one process for all plugins. Kong registers only the first plugin of a dump, so each plugin
 * has a query command of its own. One of them starts the process.
 */
export function commandsOfOneProcess(
  plugins: readonly PluginChoice[],
  place: Place,
  flags: readonly string[],
): PluginServerCommands[] {
  const socket = join(place.folder, `${ONE_PROCESS}.socket`);
  const named = plugins.map(asArgument).join(',');
  const chosen = named === SERVED.map(asArgument).join(',') ? [] : ['--plugins', named];
  const command = [...nodeCommand(place, ONE_PROCESS), '--socket', socket, ...chosen, ...flags].join(' ');
  return plugins.map(({ name }, index) => ({
    name,
    socket,
    startCommand: index === 0 ? command : undefined,
    queryCommand: `${command} --dump --plugin ${name}`,
  }));
}

/** Returns the commands of a process for one plugin. */
export function commandsOfOwnProcess(
  { name, module, variant }: PluginChoice,
  place: Place,
  flags: readonly string[],
): PluginServerCommands {
  const socket = join(place.folder, `${name}.socket`);
  const own = [...(name === module ? [] : ['--name', name]), ...(variant === undefined ? [] : [`--${variant}`])];
  const command = [...nodeCommand(place, module), '--socket', socket, ...own, ...flags].join(' ');
  return { name, socket, startCommand: command, queryCommand: `${command} --dump` };
}

/** Writes a plugin as `--plugins` reads it. */
function asArgument({ name, module, variant }: PluginChoice): string {
  if (SERVED.some((one) => one.name === name && one.module === module && one.variant === variant)) return name;
  return `${name === module ? '' : `${name}=`}${module}${variant === undefined ? '' : `:${variant}`}`;
}

function nodeCommand({ node, dist }: Place, command: string): string[] {
  return [node, ...NODE_OPTIONS, join(dist, 'bin', `${command}.js`)];
}
