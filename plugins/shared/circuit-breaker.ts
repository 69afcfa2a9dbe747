/**
 * A circuit breaker: after failures in a row nothing is tried for a while, then one try decides. It stands before
 * services (genesys-token-manager) and before Redis. A state machine without clock or timer: callers pass the time in.
 */

/** When a breaker opens, and for how long. */
export interface BreakerPolicy {
  /** So many failures in a row, without a success between them, open it ... */
  failures: number;
  /** ... if they all lie within this time. */
  windowMs: number;
  /** How long it stays open at first; each failed try after that doubles it ... */
  openMs: number;
  /** ... up to this. */
  maxOpenMs: number;
}

export interface CircuitBreaker {
  /**
   * Asks to try. 0: go ahead, and report how it ended. Otherwise the milliseconds until asking again makes sense.
   * Once the open time is over, one caller is let through; should it never report, another one after `openMs`.
   */
  enter(nowMs: number): number;
  /** Reports a success: it closes, if it was not still open. */
  succeeded(nowMs: number): void;
  /** Reports a failure. True if that opened it, so that one line is logged for it. */
  failed(nowMs: number): boolean;
  readonly isOpen: boolean;
}

/** Makes a closed breaker. */
export function createCircuitBreaker({ failures, windowMs, openMs, maxOpenMs }: BreakerPolicy): CircuitBreaker {
  let failuresInARow = 0;
  let firstFailureMs = 0;
  /** Undefined: closed. */
  let open: { untilMs: number; forMs: number; trial: boolean } | undefined;

  return {
    enter(nowMs) {
      if (open === undefined) return 0;
      if (nowMs < open.untilMs) return open.untilMs - nowMs;
      open.trial = true;
      // The others wait for the trial's end, or this long if it is never told.
      open.untilMs = nowMs + openMs;
      return 0;
    },
    succeeded() {
      // A success of something begun before it opened says nothing about now.
      if (open !== undefined && !open.trial) return;
      open = undefined;
      failuresInARow = 0;
    },
    failed(nowMs) {
      if (open !== undefined) {
        if (open.trial) {
          const forMs = Math.min(open.forMs * 2, maxOpenMs);
          open = { untilMs: nowMs + forMs, forMs, trial: false };
        }
        return false;
      }
      if (failuresInARow === 0 || nowMs - firstFailureMs > windowMs) {
        failuresInARow = 0;
        firstFailureMs = nowMs;
      }
      failuresInARow += 1;
      if (failuresInARow < failures) return false;
      open = { untilMs: nowMs + openMs, forMs: openMs, trial: false };
      return true;
    },
    get isOpen() {
      return open !== undefined;
    },
  };
}
