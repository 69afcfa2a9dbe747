/** Describes a plugin for Kong's query command, before any process serves it. */
import type { Phase, PluginModule } from '../../plugins/shared/plugin.js';

const PHASES: readonly Phase[] = ['access', 'response', 'log'];

/**
 * Describes a plugin as Kong reads it from `pluginserver_*_query_cmd` (kong/runloop/plugin_servers/process.lua).
 * Kong registers only the first plugin of a dump, so there is one.
 */
export function describePlugin(plugin: PluginModule, name: string, socketPath: string): object {
  const checks = plugin.EntityChecks === undefined ? {} : { entity_checks: plugin.EntityChecks };
  return {
    Protocol: 'ProtoBuf:1',
    SocketPath: socketPath,
    Plugins: [
      {
        Name: name,
        Version: plugin.Version,
        Priority: plugin.Priority,
        Phases: PHASES.filter((phase) => typeof plugin.Plugin.prototype[phase] === 'function'),
        Schema: {
          name,
          fields: [
            ...(plugin.PluginSchema ?? []),
            { config: { type: 'record', required: true, fields: plugin.Schema, ...checks } },
          ],
        },
      },
    ],
  };
}
