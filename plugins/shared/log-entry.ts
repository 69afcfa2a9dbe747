/** What plugins read from Kong's log entry of a request (`kong.log.serialize`). Pure. */
import { parseRetryAfter } from './retry-after.js';

/** How the service answered Kong's last try. */
export interface ServiceAnswer {
  /** Undefined if no service answered. An unreachable service counts as 502, one that is too slow as 504. */
  status: number | undefined;
  /** How long a 429 asks the client to wait. */
  retryAfterMs: number;
  /** The path and query, as sent to the service. */
  upstreamUri: string;
}

/** The wait after a 429 without Retry-After. */
const DEFAULT_RETRY_AFTER_MS = 5_000;

/**
 * Parses a log entry.
 * @param json the entry as Kong serialises it
 * @param wallClockMs milliseconds since 1970, to compare a date in Retry-After with
 */
export function parseLogEntry(json: string, wallClockMs: number): ServiceAnswer {
  const entry = JSON.parse(json) as {
    upstream_status?: unknown;
    upstream_uri?: unknown;
    response?: { headers?: Record<string, unknown> };
  };
  const retryAfter = texts(entry.response?.headers?.['retry-after'])[0] ?? null;
  return {
    status: lastStatus(entry.upstream_status),
    retryAfterMs: parseRetryAfter(retryAfter, wallClockMs) ?? DEFAULT_RETRY_AFTER_MS,
    upstreamUri: typeof entry.upstream_uri === 'string' ? entry.upstream_uri : '',
  };
}

/** Returns the last status. nginx lists the status of each try (`502, 200`), and a dash if a try was not made. */
function lastStatus(value: unknown): number | undefined {
  const last = String(value ?? '')
    .split(/[,:]/)
    .at(-1)
    ?.trim();
  return last !== undefined && /^[1-9]\d{2}$/.test(last) ? Number(last) : undefined;
}

/** Returns the values of a header. Kong writes a header with several lines as a list. */
function texts(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === 'string');
}
