/** genesys-pii-log: an audit log of every request, with no personal data in clear. */
import { kongModule } from '../runtime/kong-module.js';
import { readConfig } from './config.js';
import { Schema as fields, PluginSchema as pluginFields } from './schema.js';
import { startLog } from './state.js';

export const { Name, Version, Priority, Schema, PluginSchema, EntityChecks, Plugin, variants, start } = kongModule({
  name: 'genesys-pii-log',
  version: '0.1.0',
  // Before genesys-response-filter, whose exit ends the response phase.
  priority: 905,
  pluginFields,
  part: {
    fields,
    phases: ['access', 'response', 'log'],
    // For routes that must not be buffered. No field is refused: the flag itself says what is not logged.
    optionalPhases: {
      'without-bodies': { phase: 'response', why: "logs the service's answer", neededBy: () => undefined },
    },
    readConfig,
    start: startLog,
  },
});
