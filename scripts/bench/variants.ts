/**
 * One plugin module in two plugin servers of one gateway: kong-pdk's, where it keeps its own name, and ours, where it is
 * called otherwise.
 */
import { kongJsPluginServer } from '../../kong/testbed/kong-js-pluginserver.js';
import type { ExternalPlugin } from '../../kong/testbed/plugin-servers.js';

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

function kongJsServer(plugin: string): ExternalPlugin {
  const module = plugin === 'genesys-pii-log' ? 'scripts/bench/kong-js-pii-log.js' : `plugins/${plugin}/index.js`;
  return kongJsPluginServer(plugin, module);
}
