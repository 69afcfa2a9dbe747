/** Describes a plugin for Kong's query command, before any process serves it. */
import type { Fields } from '../../plugins/shared/kong-schema/field.js';
import type { Phase, PluginModule } from '../../plugins/shared/plugin.js';

const PHASES: readonly Phase[] = ['access', 'response', 'log'];

/** What Kong reads of a plugin. */
export interface PluginDump {
  Protocol: string;
  SocketPath: string;
  Plugins: [
    { Name: string; Version: string; Priority: number; Phases: Phase[]; Schema: { name: string; fields: Fields } },
  ];
}

/**
 * Describes a plugin as Kong reads it from `pluginserver_*_query_cmd` (kong/runloop/plugin_servers/process.lua).
 * Kong registers only the first plugin of a dump, so there is one.
 */
export function describePlugin(plugin: PluginModule, name: string, socketPath: string): PluginDump {
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
