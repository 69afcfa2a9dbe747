/**
 * genesys-quota: keeps every consumer, and the organisation as a whole, within what Genesys Cloud allows. This file is
 * the plugin's contract with the process that runs it (plugins/shared/plugin.ts).
 */
import { BARE_HOST, type Host } from '../shared/host.js';
import type { Kong } from '../shared/pdk.js';
import type { PluginInstance } from '../shared/plugin.js';
import { type Access, handleAccess } from './access.js';
import { readConfig } from './config.js';
import { planReads } from './limits/request.js';
import { handleLog, type Log } from './log.js';
import { createMetrics } from './metrics.js';
import { openNamespace, openNamespaces } from './namespaces.js';
import { createOperations } from './operations.js';

export { PluginSchema, Schema } from './schema.js';
export const Name = 'genesys-quota';
export const Version = '0.1.0';
/** After authentication, which tells consumers apart, and before the token manager, so that a refused request costs no token. */
export const Priority = 890;

export const operations = createOperations(openNamespaces);
export const metrics = createMetrics(openNamespaces);

/** Writes what has been counted and is not in Redis yet, before the process ends. */
export async function shutdown(): Promise<void> {
  await Promise.all(openNamespaces().map(({ usage }) => usage.flush()));
}

/** One configuration, without what it would learn from answers. */
class QuotaWithoutLog implements PluginInstance {
  readonly #access: Access;
  protected readonly learns: Log;

  /**
   * @param config as Kong sends it
   * @throws Error of one line that names the field and holds no secret
   */
  constructor(config: unknown, host: Host = BARE_HOST, follows = false) {
    const read = readConfig(config, host);
    const parsed = follows ? read : { ...read, followUpstream: false };
    const namespace = openNamespace(parsed);
    this.#access = { config: parsed, plan: planReads(parsed), namespace };
    this.learns = { namespace, followUpstream: parsed.followUpstream, usesHints: parsed.maxWaitMs > 0 };
  }

  /** Lets the request go on, now or a little later, or answers 429 or 503. */
  access(kong: Kong): Promise<void> {
    return handleAccess(kong, this.#access);
  }
}

/** One configuration. */
export class Plugin extends QuotaWithoutLog {
  /** @throws as above */
  constructor(config: unknown, host: Host = BARE_HOST) {
    super(config, host, true);
  }

  /** Learns from Genesys' answer. */
  log(kong: Kong): Promise<void> {
    return handleLog(kong, this.learns);
  }
}

/** A log phase costs Kong as much as the rest of the plugin: `--without-log` follows no 429 of Genesys, and is faster. */
export const variants = { 'without-log': QuotaWithoutLog };
