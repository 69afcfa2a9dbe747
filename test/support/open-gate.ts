/** For tests: the gate of a configuration that refuses only what every configuration does. */
import { realEffects } from '../../plugins/genesys-token-manager/effects.js';
import { createGate, type Gate } from '../../plugins/genesys-token-manager/gate.js';
import { createLoginTokens } from '../../plugins/genesys-token-manager/login-tokens.js';
import { createMarks } from '../../plugins/genesys-token-manager/marks.js';
import { createRefusals } from '../../plugins/genesys-token-manager/own-token.js';

/** @param further what it refuses besides */
export function openGate(further: readonly string[] = []): Gate {
  return createGate(createRefusals(further), createLoginTokens(createMarks(realEffects), undefined, realEffects));
}
