/**
 * What tests and people steer the simulator by. The same functions are served under /_control (control-api.ts).
 */
import type { ClientStore } from './clients.js';
import type { ActiveFault, Fault, FaultStore, FaultTarget } from './faults.js';
import type { RateLimiter, RouteLimit } from './rate-limit.js';
import type { Counts, ReceivedRequest, RequestFilter, RequestLog } from './requests.js';
import type { Stub, StubStore } from './stubs.js';
import type { IssuedToken, TokenStore } from './tokens.js';
import type { UsageEntry, UsageRecord } from './usage-record.js';

/** All that can be set while the simulator runs. */
export interface Settings {
  /** Over the lifetime of every client; undefined leaves it to the client. */
  tokenLifetimeSeconds: number | undefined;
  /** Compress API answers for clients that accept gzip. */
  compression: boolean;
  /** Send `inin-ratelimit-*`, as older organisations do. */
  rateLimitHeaders: boolean;
}

export interface Control {
  /** The last received requests, oldest first. Credentials in them are redacted. */
  requests(filter?: RequestFilter): ReceivedRequest[];
  counts(): Counts;
  /** Forgets requests and counts. Faults, stubs, tokens and rate-limit windows stay. */
  reset(): void;
  /** Resolves as soon as the predicate holds; rejects after `timeoutMs` with the counts in the message. */
  waitFor(predicate: (counts: Counts) => boolean, timeoutMs: number): Promise<Counts>;
  /** Sets a fault, in the place of an earlier one of the same target and path. */
  setFault(target: FaultTarget, fault: Fault): void;
  /** Clears the faults of a target, or all; hanging requests are served then. */
  clearFaults(target?: FaultTarget): void;
  faults(): ActiveFault[];
  /** Lifetime of tokens issued from now on, over the clients' own; `null` gives it back to them. */
  setTokenLifetime(seconds: number | null): void;
  /** Revokes one token by its ordinal, or all (the default); answers how many died. */
  revokeTokens(which?: number | 'all'): number;
  /** Issued tokens without their values. */
  tokens(): IssuedToken[];
  /** At most so many live tokens per client; one more kills the oldest. `null` switches it off. */
  setMaxTokensPerClient(max: number | null): void;
  /** Replaces a client's secret; the old one dies at once. Throws if there is no such client. */
  setClientSecret(clientId: string, secret: string): void;
  /** Requests a minute for each token; 0 switches the limit off. */
  setRateLimit(perMinute: number): void;
  /** Replaces the limits of routes, for each token or for the organisation. */
  setRouteLimits(limits: readonly RouteLimit[]): void;
  /** Sends `inin-ratelimit-*` headers, as older organisations do. */
  setRateLimitHeaders(enabled: boolean): void;
  /** A token that is not used for so many seconds dies; `null` switches it off. Genesys takes 300 to 28,800. */
  setIdleTimeout(seconds: number | null): void;
  /** Forgets the windows that run. */
  resetRateLimits(): void;
  /** Adds a canned answer, in the place of an earlier one of the same method and path. */
  stub(stub: Stub): void;
  clearStubs(): void;
  stubs(): Stub[];
  setCompression(enabled: boolean): void;
  /** Adds to Genesys' report of use, such as what was before the simulator started. */
  addUsage(entry: UsageEntry): void;
  /** How many days the report is behind: 1 as with Genesys; 0 has today's requests too. */
  setUsageLag(days: number): void;
}

export interface ControlledParts {
  log: RequestLog;
  faults: FaultStore;
  stubs: StubStore;
  tokens: TokenStore;
  clients: ClientStore;
  rateLimiter: RateLimiter;
  settings: Settings;
  usage: UsageRecord;
}

/** Ties the parts of a simulator together for its user. */
export function createControl(parts: ControlledParts): Control {
  const { log, faults, stubs, tokens, clients, rateLimiter, settings, usage } = parts;
  return {
    requests: log.requests,
    counts: log.counts,
    reset: log.reset,
    waitFor: log.waitFor,
    setFault: faults.set,
    clearFaults: faults.clear,
    faults: faults.list,
    setTokenLifetime(seconds) {
      settings.tokenLifetimeSeconds = seconds ?? undefined;
    },
    revokeTokens: (which = 'all') => tokens.revoke(which),
    tokens: tokens.list,
    setMaxTokensPerClient: tokens.setMaxPerClient,
    setClientSecret(clientId, secret) {
      const client = clients.get(clientId);
      if (client === undefined) throw new Error(`The simulator has no client ${clientId}.`);
      client.secret = secret;
    },
    setRateLimit: rateLimiter.setRateLimit,
    setRouteLimits: rateLimiter.setRouteLimits,
    setRateLimitHeaders(enabled) {
      settings.rateLimitHeaders = enabled;
    },
    setIdleTimeout(seconds) {
      tokens.idleTimeoutSeconds = seconds ?? undefined;
    },
    resetRateLimits: rateLimiter.reset,
    stub: stubs.add,
    clearStubs: stubs.clear,
    stubs: stubs.list,
    setCompression(enabled) {
      settings.compression = enabled;
    },
    addUsage: usage.add,
    setUsageLag(days) {
      usage.lagDays = days;
    },
  };
}
