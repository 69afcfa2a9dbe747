/**
 * genesys-user-token: lets users of Genesys Cloud through the gateway with their own token. It finds out whose token it
 * is, and which of Kong's consumers that makes of the request. The token goes on to Genesys as it is.
 */
import { kongModule } from '../runtime/kong-module.js';
import { readConfig } from './config.js';
import { EntityChecks as entityChecks, Schema as fields, PluginSchema as pluginFields } from './schema.js';
import { startUserTokens } from './state.js';

export { readConfig } from './config.js';

export const { Name, Version, Priority, Schema, PluginSchema, EntityChecks, Plugin, variants, start } = kongModule({
  name: 'genesys-user-token',
  // After Kong's own authentication (basic-auth 1100), so that it sees a second credential, and after ip-restriction (990),
  // so that an address that may not come costs no check. Before all that works by consumer: acl 950, rate-limiting 910,
  // and the rest of this suite.
  priority: 960,
  pluginFields,
  part: { fields, entityChecks, phases: ['access'], readConfig, start: startUserTokens },
});
