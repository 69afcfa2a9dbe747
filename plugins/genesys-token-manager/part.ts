/** The tokens as a part: genesys-token-manager and genesys-gateway hold it. */
import { definePart } from '../runtime/part.js';
import { readConfig } from './config.js';
import { EntityChecks as entityChecks, Schema as fields } from './schema.js';
import { startTokenManager } from './state.js';

export const part = definePart({
  fields,
  entityChecks,
  phases: ['access', 'log'],
  optionalPhases: {
    'without-log': {
      phase: 'log',
      why: 'learns from answers',
      neededBy({ credential, breaker }) {
        if (credential.kind === 'regional') return 'regions';
        return breaker && 'circuit_breaker';
      },
    },
  },
  readConfig,
  start: startTokenManager,
});
