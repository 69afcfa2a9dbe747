/**
 * genesys-login: answers the login of Genesys' own tools, so that they can be pointed at the gateway and hold no Genesys
 * credential. This file is the plugin's contract with the process that runs it (plugins/shared/plugin.ts).
 */
import { BARE_HOST, type Host } from '../shared/host.js';
import type { Kong } from '../shared/pdk.js';
import type { PluginInstance } from '../shared/plugin.js';
import { handleAccess, realEffects } from './access.js';
import { type Config, readConfig } from './config.js';

export { PluginSchema, Schema } from './schema.js';
export const Name = 'genesys-login';
export const Version = '0.1.0';
/**
 * After authentication (basic-auth 1100) and everything that may refuse a login: acl 950, rate-limiting 910,
 * genesys-quota 890. Its exit ends the access phase, so what would come after it (the token manager, 850) does not run:
 * a login costs no token of Genesys.
 */
export const Priority = 860;

/** One configuration. */
export class Plugin implements PluginInstance {
  readonly #config: Config;

  /**
   * @param config as Kong sends it
   * @throws Error of one line that names the field and holds no secret
   */
  constructor(config: unknown, host: Host = BARE_HOST) {
    this.#config = readConfig(config, host);
  }

  /** Answers with a token, or says why not. */
  access(kong: Kong): Promise<void> {
    return handleAccess(kong, this.#config, realEffects);
  }
}
