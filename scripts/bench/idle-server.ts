/**
 * The least that a plugin costs: handlers that return at once, in our plugin server. What a real plugin takes beyond it
 * is its own; the rest is Kong's way to a plugin server.
 */
import { runPlugin } from '../../kong/plugin-server/command-line.js';
import type { PluginInstance } from '../../plugins/shared/plugin.js';

class Idle implements PluginInstance {
  async access(): Promise<void> {}
  async log(): Promise<void> {}
}

class IdleWithoutLog implements PluginInstance {
  async access(): Promise<void> {}
}

await runPlugin({
  Name: 'idle',
  Version: '1.0.0',
  Priority: 850,
  Schema: [],
  Plugin: Idle,
  variants: { 'without-log': IdleWithoutLog },
});
