/** genesys-pii-log: an audit log of every request, with no personal data in clear. */
import { kongModule } from '../runtime/kong-module.js';
import { part } from './part.js';
import { PluginSchema as pluginFields } from './schema.js';

export const { Name, Version, Priority, Schema, PluginSchema, EntityChecks, Plugin, variants, start } = kongModule({
  name: 'genesys-pii-log',
  // Before genesys-response-filter, whose exit ends the response phase.
  priority: 905,
  pluginFields,
  part,
});
