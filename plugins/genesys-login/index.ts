/** genesys-login: answers the login of Genesys' own tools. They can use the gateway without a Genesys credential. */
import { kongModule } from '../runtime/kong-module.js';
import { accessStep, realEffects } from './access.js';
import { readConfig } from './config.js';
import { Schema as fields, PluginSchema as pluginFields } from './schema.js';

export const { Name, Version, Priority, Schema, PluginSchema, EntityChecks, Plugin, variants, start } = kongModule({
  name: 'genesys-login',
  // After authentication (basic-auth 1100) and everything that may refuse a login: acl 950, rate-limiting 910,
  // genesys-quota 890. Its answer ends the access phase, so the token manager (850) does not run, and a login costs no
  // token of Genesys.
  priority: 860,
  pluginFields,
  part: {
    fields,
    phases: ['access'],
    readConfig,
    start: () => ({ stepsOf: (config) => ({ access: accessStep(config, realEffects) }) }),
  },
});
