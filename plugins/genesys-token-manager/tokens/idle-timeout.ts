/**
 * From when on an unused token may be dead. An organisation may have an idle timeout of 5 minutes to 8 hours, which
 * ends tokens of client credentials too. It is configured, or learned: a 401 after a quiet time that a new token cures.
 * Callers pass the time.
 */

/** The shortest idle timeout of Genesys Cloud. What is learned is this one, so that one refused request is enough. */
const SHORTEST_TIMEOUT_MS = 300_000;
/** A refusal this long after the end of a quiet time may come of it. */
const REFUSED_WITHIN_MS = 60_000;
/** A new token that is not refused for this long has cured it. */
const CURED_AFTER_MS = 5_000;
/** A token is renewed this long before the timeout, or a tenth of it before: it could die on its way. */
const MARGIN_MS = 5_000;

/** What is known of a token. */
export interface TokenUse {
  grantedAtMs: number;
  /** The number of requests ever. */
  uses: number;
  /** When it was last used for the first time after five quiet minutes or more. */
  wokeAtMs: number;
  lastUseMs: number;
}

export interface IdleTimeout {
  /** The timeout in milliseconds; undefined if none is known. */
  readonly timeoutMs: number | undefined;
  /** For how long an unused token is used at most, a little less than the timeout; undefined: for ever. */
  readonly deadAfterMs: number | undefined;
  /** Returns whether a token was unused for so long that it may be dead. */
  mayBeDead(token: Pick<TokenUse, 'lastUseMs'>, nowMs: number): boolean;
  /** Records that the service refused a token. */
  refused(token: TokenUse, nowMs: number): void;
  /** Looks whether the token in use has shown that the one before had idled out. */
  observe(token: TokenUse, nowMs: number): void;
  /** Returns whether a timeout was learned since the last call. */
  takeLearned(): boolean;
}

/** Makes the timeout of an OAuth client. @param configuredMs undefined: to be learned */
export function createIdleTimeout(configuredMs: number | undefined): IdleTimeout {
  let timeoutMs = configuredMs;
  let suspectedAtMs: number | undefined;
  let isUntold = false;
  const deadAfterMs = (): number | undefined => timeoutMs && timeoutMs - Math.min(MARGIN_MS, timeoutMs / 10);
  return {
    get timeoutMs() {
      return timeoutMs;
    },
    get deadAfterMs() {
      return deadAfterMs();
    },
    mayBeDead: ({ lastUseMs }, nowMs) => nowMs - lastUseMs >= (deadAfterMs() ?? Number.POSITIVE_INFINITY),
    refused({ grantedAtMs, wokeAtMs }, nowMs) {
      if (timeoutMs !== undefined) return;
      if (suspectedAtMs !== undefined && grantedAtMs >= suspectedAtMs) suspectedAtMs = undefined;
      else if (nowMs - wokeAtMs <= REFUSED_WITHIN_MS) suspectedAtMs = nowMs;
    },
    observe({ grantedAtMs, uses }, nowMs) {
      if (suspectedAtMs === undefined || grantedAtMs < suspectedAtMs) return;
      if (uses === 0 || nowMs - grantedAtMs < CURED_AFTER_MS) return;
      timeoutMs = SHORTEST_TIMEOUT_MS;
      suspectedAtMs = undefined;
      isUntold = true;
    },
    takeLearned() {
      const learned = isUntold;
      isUntold = false;
      return learned;
    },
  };
}

/** Returns whether the time between two uses is long enough for the shortest idle timeout. */
export function isQuiet(ms: number): boolean {
  return ms >= SHORTEST_TIMEOUT_MS;
}
