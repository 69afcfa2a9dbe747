/** genesys-quota: keeps every consumer, and the organisation as a whole, within what Genesys Cloud allows. */
import { kongModule } from '../runtime/kong-module.js';
import { part } from './part.js';
import { PluginSchema as pluginFields } from './schema.js';

export const { Name, Version, Priority, Schema, PluginSchema, EntityChecks, Plugin, variants, start } = kongModule({
  name: 'genesys-quota',
  // After authentication, which finds the consumer. Before the token manager, so a refused request costs no token.
  priority: 890,
  pluginFields,
  part,
});
