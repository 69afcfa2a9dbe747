/**
 * genesys-response-filter: only the fields that a rule lets through leave the gateway. This file is the plugin's contract
 * with the process that runs it (plugins/shared/plugin.ts).
 */
import type { Kong } from '../shared/pdk.js';
import type { PluginInstance } from '../shared/plugin.js';
import { handleAccess } from './access.js';
import { type Config, readConfig } from './config.js';
import { createMetrics, createTotals } from './metrics.js';
import { handleResponse } from './response.js';

export { PluginSchema, Schema } from './schema.js';
export const Name = 'genesys-response-filter';
export const Version = '0.1.0';
/** Last of the suite: its exit ends the response phase. */
export const Priority = 790;

/** Instances come and go with configurations; what they count belongs to the process. */
const totals = createTotals();
export const metrics = createMetrics(totals);

/** One configuration. */
export class Plugin implements PluginInstance {
  readonly #config: Config;

  /**
   * @param config as Kong sends it
   * @throws Error of one line that names the field
   */
  constructor(config: unknown) {
    this.#config = readConfig(config);
  }

  /** Refuses what would go past the response phase. */
  access(kong: Kong): Promise<void> {
    return handleAccess(kong, totals);
  }

  /** Filters the body, or withholds it. */
  response(kong: Kong): Promise<void> {
    return handleResponse(kong, this.#config, totals);
  }
}
