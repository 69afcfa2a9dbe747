/**
 * genesys-token-manager: keeps the OAuth client of Genesys Cloud in the gateway, and adds its token to every request to
 * the service.
 */
import { kongModule } from '../runtime/kong-module.js';
import { part } from './part.js';
import { PluginSchema as pluginFields } from './schema.js';

export const { Name, Version, Priority, Schema, PluginSchema, EntityChecks, Plugin, variants, start } = kongModule({
  name: 'genesys-token-manager',
  // After every plugin that may refuse a request (authentication, acl, rate limits), so refused requests cost no token.
  priority: 850,
  pluginFields,
  part,
});
