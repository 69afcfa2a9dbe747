/**
 * genesys-token-manager: the OAuth client of Genesys Cloud stays in the gateway, and every request that reaches the
 * service carries its token. This file is the plugin's contract with the process that runs it (plugins/shared/plugin.ts).
 */
import type { Kong } from '../shared/pdk.js';
import type { PluginInstance } from '../shared/plugin.js';
import { type Access, handleAccess } from './access.js';
import { readConfig } from './config.js';
import { realEffects } from './effects.js';
import { serviceHeaders } from './service-headers.js';
import { createTokenBroker } from './token-broker.js';

export { PluginSchema, Schema } from './schema.js';
export const Name = 'genesys-token-manager';
export const Version = '0.1.0';
/** After every plugin that may refuse a request (authentication, acl, rate limits), so that those cost no token. */
export const Priority = 850;

/** Kong starts an instance per configuration and nginx worker; they all share the tokens of the process. */
const broker = createTokenBroker(realEffects);

/** One configuration. */
export class Plugin implements PluginInstance {
  readonly #access: Access;

  /**
   * @param config as Kong sends it
   * @throws Error of one line that names the field and holds no secret
   */
  constructor(config: unknown) {
    const { client, policy, headerName } = readConfig(config);
    this.#access = { client, policy, headersWith: serviceHeaders(headerName), broker };
  }

  /** Puts the token in, or answers 503 `gateway.token.unavailable`. */
  access(kong: Kong): Promise<void> {
    return handleAccess(kong, this.#access);
  }
}
