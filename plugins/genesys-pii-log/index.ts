/**
 * genesys-pii-log: an audit log of every request, with no personal data in clear. This file is the plugin's contract with
 * the process that runs it (plugins/shared/plugin.ts).
 */
import { BARE_HOST, type Host } from '../shared/host.js';
import type { Kong } from '../shared/pdk.js';
import type { PluginInstance } from '../shared/plugin.js';
import { type Access, handleAccess } from './access.js';
import { readConfig } from './config.js';
import { handleLog, type Log } from './log.js';
import { createMetrics } from './metrics.js';
import { createOperations } from './operations.js';
import { createRequests } from './requests.js';
import { handleResponse } from './response.js';
import { realClock } from './sinks/clock.js';
import { createSinkRegistry } from './sinks/registry.js';
import { createTotals } from './totals.js';

export { PluginSchema, Schema } from './schema.js';
export const Name = 'genesys-pii-log';
export const Version = '0.1.0';
/** Before genesys-response-filter, whose exit ends the response phase. */
export const Priority = 905;

/** Instances come and go with configurations and nginx workers; requests and sinks belong to the process. */
const requests = createRequests(realClock);
const sinks = createSinkRegistry(() => requests.lost);
const totals = createTotals();
export const operations = createOperations(requests, sinks, totals);
export const metrics = createMetrics(requests, sinks, totals);

/** How long the process waits for sinks when it ends: Kong lets an old one linger for 10 s. */
const FLUSH_MS = 5000;

/** Sends what is left, when the process ends. */
export function shutdown(hurry: AbortSignal): Promise<void> {
  return sinks.flush(FLUSH_MS, hurry);
}

/** One configuration, on routes that are not buffered: no response body is logged. */
class UnbufferedLog implements PluginInstance {
  readonly #access: Access;
  readonly #log: Log;

  /**
   * @param config as Kong sends it
   * @throws Error of one line that names the field and holds no secret
   */
  constructor(config: unknown, host: Host = BARE_HOST) {
    const { logsRequestBody, sinks: settings, ...rest } = readConfig(config, host);
    this.#access = { requests, logsBody: logsRequestBody };
    this.#log = { ...rest, requests, totals, sinks: settings.map((each) => sinks.sinkOf(each)), random: Math.random };
  }

  /** Keeps the request's body. */
  access(kong: Kong): Promise<void> {
    return handleAccess(kong, this.#access);
  }

  /** Writes the entry. */
  log(kong: Kong): Promise<void> {
    return handleLog(kong, this.#log);
  }
}

/** One configuration. */
export class Plugin extends UnbufferedLog {
  /** Leaves the mark that the answer was buffered. */
  response(kong: Kong): Promise<void> {
    return handleResponse(kong);
  }
}

/** `--without-bodies`: without a response phase, for routes that must not be buffered. */
export const variants = { 'without-bodies': UnbufferedLog };
