/** How a gateway starts the servers of this repository's plugins: socket, start command and query command. */
import { join, resolve } from 'node:path';
import { NODE_OPTIONS, PLUGIN_NAMES } from '../plugin-list.js';

/** The dist folder, whether this file runs compiled or not. */
const DIST = resolve(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '../../dist' : '../..');

/** Where plugin servers run: the node executable and the build's folder. */
export interface Place {
  node: string;
  dist: string;
}

const THIS_MACHINE: Place = { node: process.execPath, dist: DIST };

/** A plugin that a gateway runs in a plugin server. */
export interface ExternalPlugin {
  name: string;
  /** The executable's path below dist. */
  script: string;
  args?: string[];
  /** Returns the settings of a plugin server that is not ours. */
  commands?(folder: string): PluginServerCommands;
}

/** Kong's three settings of a plugin server. */
export interface PluginServerCommands {
  socket: string;
  startCommand: string;
  queryCommand: string;
}

export const PLUGINS: readonly ExternalPlugin[] = PLUGIN_NAMES.map((name) => ({ name, script: `bin/${name}.js` }));

/** Kong's own plugins in kong.yml that the local gateway does not have. It ignores them. */
export const LEFT_OUT_LOCALLY = ['bot-detection', 'cors', 'pre-function', 'prometheus', 'proxy-cache'];

/** Returns the settings for a plugin whose socket is in `folder`. Commands are absolute: Kong gives no PATH. */
export function pluginServerCommands(
  plugin: ExternalPlugin,
  folder: string,
  place: Place = THIS_MACHINE,
): PluginServerCommands {
  if (plugin.commands !== undefined) return plugin.commands(folder);
  const socket = join(folder, `${plugin.name}.socket`);
  const command = [
    place.node,
    ...NODE_OPTIONS,
    join(place.dist, plugin.script),
    '--socket',
    socket,
    ...(plugin.args ?? []),
  ].join(' ');
  return { socket, startCommand: command, queryCommand: `${command} --dump` };
}
