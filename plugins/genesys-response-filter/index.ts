/** genesys-response-filter: lets only those fields out of the gateway that a rule allows. */
import { kongModule } from '../runtime/kong-module.js';
import { part } from './part.js';
import { PluginSchema as pluginFields } from './schema.js';

export const { Name, Version, Priority, Schema, PluginSchema, EntityChecks, Plugin, variants, start } = kongModule({
  name: 'genesys-response-filter',
  // The last of the suite, because its exit ends the response phase.
  priority: 790,
  pluginFields,
  part,
});
