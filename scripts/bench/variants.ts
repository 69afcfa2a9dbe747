/**
 * One plugin module in two plugin servers of one gateway: kong-pdk's, where it keeps its own name, and ours, where it is
 * called otherwise.
 */
import { join } from 'node:path';
import type { PluginChoice } from '../../kong/plugin-server/hosted-plugin.js';
import { commandsOfOneProcess } from '../../kong/plugin-server-commands.js';
import { kongJsPluginServer } from '../../kong/testbed/kong-js-pluginserver.js';
import { type ExternalPlugin, THIS_MACHINE } from '../../kong/testbed/plugin-servers.js';

export const COMBINED = 'genesys-gateway';

/** The name of a plugin in our plugin server. */
export function ourName(plugin: string): string {
  return `${plugin}-ours`;
}

/** Both servers of each plugin. */
export function bothServers(plugins: readonly string[], args: string[] = []): ExternalPlugin[] {
  return plugins.flatMap((name) => [ourServer(name, args), kongJsServer(name)]);
}

/** @param args of the plugin's command line */
export function ourServer(plugin: string, args: string[] = [], name = ourName(plugin)): ExternalPlugin {
  return { name, script: `bin/${plugin}.js`, args: ['--name', name, ...args] };
}

/** The name of a plugin in the process that all plugins share. @param tag tells processes with other flags apart */
export function sharedName(plugin: string, tag = 'shared'): string {
  return `${plugin}-${tag}`;
}

/** The name of genesys-gateway without its response phase, in that process. */
export const COMBINED_UNBUFFERED = sharedName('genesys-gateway-unbuffered');

/** One process for all of the plugins, and for their combined form. */
export function sharedServer(plugins: readonly string[], args: string[] = [], tag = 'shared'): ExternalPlugin[] {
  const choices: PluginChoice[] = [
    ...[...plugins, COMBINED].map((module) => ({ name: sharedName(module, tag), module, variant: undefined })),
    { name: sharedName(`${COMBINED}-unbuffered`, tag), module: COMBINED, variant: 'without-bodies' },
  ];
  return choices.map(({ name }) => ({
    name,
    script: 'bin/genesys-plugins.js',
    commands(folder) {
      const all = commandsOfOneProcess(choices, { ...THIS_MACHINE, folder }, args);
      const own = all.find((one) => one.name === name);
      if (own === undefined) throw new Error(`no command for ${name}`);
      const socket = join(folder, `${tag}.socket`);
      const place = (command: string): string => command.replace(own.socket, socket);
      const { startCommand, queryCommand } = own;
      return { socket, startCommand: startCommand && place(startCommand), queryCommand: place(queryCommand) };
    },
  }));
}

/** The name of the plugin that does nothing. */
export const IDLE = 'idle';
export const IDLE_WITHOUT_LOG = 'idle-without-log';

/** Plugins that do nothing, with the log phase and without: the limit of what any plugin can reach. */
export const IDLE_SERVERS: readonly ExternalPlugin[] = [
  { name: IDLE, script: 'scripts/bench/idle-server.js' },
  {
    name: IDLE_WITHOUT_LOG,
    script: 'scripts/bench/idle-server.js',
    args: ['--name', IDLE_WITHOUT_LOG, '--without-log'],
  },
];

function kongJsServer(plugin: string): ExternalPlugin {
  const module = plugin === 'genesys-pii-log' ? 'scripts/bench/kong-js-pii-log.js' : `plugins/${plugin}/index.js`;
  return kongJsPluginServer(plugin, module);
}
