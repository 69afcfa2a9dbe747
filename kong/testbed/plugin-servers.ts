/**
 * How a gateway starts the servers of this repository's plugins. The suite's plugins share one process, unless the
 * environment has `PROCESSES=each`. With `PROCESSES=outside` they share one that a real Kong does not start.
 */
import { join, resolve } from 'node:path';
import { NODE_OPTIONS, PLUGIN_NAMES, SERVED } from '../plugin-list.js';
import type { PluginChoice } from '../plugin-server/hosted-plugin.js';
import {
  commandsOfOneProcess,
  commandsOfOwnProcess,
  type Place,
  type PluginServerCommands,
} from '../plugin-server-commands.js';

/** The dist folder, whether this file runs compiled or not. */
const DIST = resolve(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '../../dist' : '../..');

/** Node and the build on this machine. */
export const THIS_MACHINE: Omit<Place, 'folder'> = { node: process.execPath, dist: DIST };

/** A plugin that a gateway runs in a plugin server. */
export interface ExternalPlugin {
  name: string;
  /** The executable's path below dist. */
  script: string;
  args?: string[];
  /** What it is, if it is a variant of a plugin that shares that plugin's process. */
  choice?: Pick<PluginChoice, 'module' | 'variant'>;
  /** Returns the settings of a plugin server that is not ours. */
  commands?(folder: string): Omit<PluginServerCommands, 'name'>;
}

export const PLUGINS: readonly ExternalPlugin[] = SERVED.map(({ name, module, variant }) => ({
  name,
  script: `bin/${module}.js`,
  ...(variant && { choice: { module, variant } }),
}));

/** Kong's own plugins in kong.yml that the local gateway does not have. It ignores them. */
export const LEFT_OUT_LOCALLY = ['bot-detection', 'cors', 'pre-function', 'prometheus', 'proxy-cache'];

/** Flags that the plugins of a process share. */
const FLAGS_OF_ALL = new Set([
  '--deadline',
  '--secrets-dir',
  '--log-dir',
  '--state-dir',
  '--metrics',
  '--otlp',
  '--otlp-sample',
  '--stdout',
]);

/** Returns the settings of plugin servers whose sockets are in `folder`. */
export function pluginServerCommands(
  plugins: readonly ExternalPlugin[],
  folder: string,
  machine = THIS_MACHINE,
): PluginServerCommands[] {
  const place = { ...machine, folder };
  const together = process.env.PROCESSES === 'each' ? [] : plugins.filter(mayShareProcess);
  const flags = new Set(together.flatMap(({ args = [] }) => pairsOf(args).map((pair) => pair.join(' '))));
  const choices = together.map(({ name, choice = { module: name, variant: undefined } }) => ({ name, ...choice }));
  const shared = new Map(commandsOfOneProcess(choices, place, [...flags]).map((one) => [one.name, one]));
  return plugins.map((plugin) => shared.get(plugin.name) ?? ownProcess(plugin, place));
}

/** Returns the plugins' names, grouped by the process that serves them. */
export function byProcess(plugins: readonly ExternalPlugin[]): string[][] {
  const commands = pluginServerCommands(plugins, '/');
  const sockets = [...new Set(commands.map(({ socket }) => socket))];
  return sockets.map((socket) => commands.filter((one) => one.socket === socket).map(({ name }) => name));
}

function ownProcess({ name, script, args = [], choice, commands }: ExternalPlugin, place: Place): PluginServerCommands {
  if (commands !== undefined) return { name, ...commands(place.folder) };
  if (choice !== undefined) return commandsOfOwnProcess({ name, ...choice }, place, args);
  const module = PLUGIN_NAMES.find((known) => script === `bin/${known}.js`);
  if (module === name) return commandsOfOwnProcess({ name, module, variant: undefined }, place, args);
  const socket = join(place.folder, `${name}.socket`);
  const command = [place.node, ...NODE_OPTIONS, join(place.dist, script), '--socket', socket, ...args].join(' ');
  return { name, socket, startCommand: command, queryCommand: `${command} --dump` };
}

/** Returns whether a plugin can be in the process of the suite's plugins: it has no flags of its own. */
export function mayShareProcess({ name, script, choice, args = [], commands }: ExternalPlugin): boolean {
  const module = choice?.module ?? name;
  const isOurs =
    commands === undefined && PLUGIN_NAMES.some((known) => known === module && script === `bin/${known}.js`);
  return isOurs && pairsOf(args).every(([flag = '']) => FLAGS_OF_ALL.has(flag));
}

function pairsOf(args: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(args.length / 2) }, (_, index) => args.slice(2 * index, 2 * index + 2));
}
