/** What plugins need of Kong's log entry of a request (`kong.log.serialize`). Pure. */
import { parseRetryAfter } from './retry-after.js';

/** How the service answered, the last time that Kong tried. */
export interface ServiceAnswer {
  /** Undefined if no service answered. A service that could not be reached counts as 502, one too slow as 504. */
  status: number | undefined;
  /** How long a 429 asks to wait. */
  retryAfterMs: number;
  /** Path and query as sent to the service. */
  upstreamUri: string;
}

/** For a 429 without Retry-After. */
const DEFAULT_RETRY_AFTER_MS = 5_000;

/**
 * Reads an entry.
 * @param json as Kong wrote it
 * @param wallClockMs milliseconds since 1970, which a date in Retry-After is compared with
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

/** nginx lists the status of each try: `502, 200`; a dash for one that was not made. */
function lastStatus(value: unknown): number | undefined {
  const last = String(value ?? '')
    .split(/[,:]/)
    .at(-1)
    ?.trim();
  return last !== undefined && /^[1-9]\d{2}$/.test(last) ? Number(last) : undefined;
}

/** Kong writes a header of several lines as a list. */
function texts(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === 'string');
}
