/** The audit log as a part: genesys-pii-log and genesys-gateway hold it. */
import { definePart } from '../runtime/part.js';
import { readConfig } from './config.js';
import { Schema as fields } from './schema.js';
import { startLog } from './state.js';

export const part = definePart({
  fields,
  phases: ['access', 'response', 'log'],
  // For routes that must not be buffered. No field is refused: the flag itself says what is not logged.
  optionalPhases: {
    'without-bodies': { phase: 'response', why: "logs the service's answer", neededBy: () => undefined },
  },
  readConfig,
  start: startLog,
});
