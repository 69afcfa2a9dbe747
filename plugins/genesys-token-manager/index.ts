/**
 * genesys-token-manager: the OAuth client of Genesys Cloud stays in the gateway, and every request that reaches the
 * service carries its token. This file is the plugin's contract with the process that runs it (plugins/shared/plugin.ts).
 */
import { BARE_HOST, type Host } from '../shared/host.js';
import type { Kong } from '../shared/pdk.js';
import type { PluginInstance } from '../shared/plugin.js';
import { type Access, handleAccess } from './access.js';
import { type Config, readConfig } from './config.js';
import { realEffects } from './effects.js';
import { handleLog, type Log } from './log.js';
import { createOperations } from './operations.js';
import { createServiceBreaker } from './service-breaker.js';
import { redactedKey, serviceHeaders } from './service-headers.js';
import { createTokenBroker } from './token-broker.js';
import { createTokenPool } from './token-pool.js';
import { openTokenStore } from './token-store.js';

export { EntityChecks, PluginSchema, Schema } from './schema.js';
export const Name = 'genesys-token-manager';
export const Version = '0.1.0';
/** After every plugin that may refuse a request (authentication, acl, rate limits), so that those cost no token. */
export const Priority = 850;

/** Kong starts an instance per configuration and nginx worker; they all share the tokens of the process. */
const broker = createTokenBroker(realEffects);
const operator = createOperations(broker);
export const operations = operator.operations;

/** One configuration. */
export class Plugin implements PluginInstance {
  readonly #access: Access;
  readonly #log: Log;

  /**
   * @param config as Kong sends it
   * @throws Error of one line that names the field and holds no secret
   */
  constructor(config: unknown, host: Host = BARE_HOST) {
    const { credential, headerName, purgeOnStatuses, ...rest } = readConfig(config, host);
    const breaker = rest.breaker && createServiceBreaker(rest.breaker, rest.serviceId);
    this.#access = {
      credential: credential.kind === 'static' ? counted(credential) : createPool(credential),
      headersWith: serviceHeaders(headerName),
      redactedKey: redactedKey(headerName),
      breaker,
    };
    const isShared = credential.kind === 'oauth2' && credential.sharedCache !== undefined;
    this.#log = { broker, purgeOnStatuses, headerName, learnsUse: isShared, breaker };
  }

  /** Puts the credential in, or answers 429 or 503. */
  access(kong: Kong): Promise<void> {
    return handleAccess(kong, this.#access);
  }

  /** Learns from the service's answer. */
  log(kong: Kong): Promise<void> {
    return handleLog(kong, this.#log);
  }
}

/** A static credential whose uses an operator can see. */
function counted(credential: Extract<Config['credential'], { kind: 'static' }>): typeof credential {
  return {
    ...credential,
    headerValue() {
      const value = credential.headerValue();
      operator.countStatic(value);
      return value;
    },
  };
}

function createPool({ sources, policy, sharedCache }: Extract<Config['credential'], { kind: 'oauth2' }>) {
  const store = sharedCache && openTokenStore(sharedCache);
  return createTokenPool({ sources, policy, store }, broker, operator, realEffects.nowMs);
}
