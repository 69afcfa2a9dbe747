/**
 * A circuit breaker: after some failures in a row nothing is tried for a while, and then one try decides. It protects
 * services (genesys-token-manager) and Redis. A state machine without clock or timers: callers pass the time.
 */

/** When a breaker opens, and for how long. */
export interface BreakerPolicy {
  /** This many failures in a row, without a success between them, open the breaker ... */
  failures: number;
  /** ... if all of them are within this time. */
  windowMs: number;
  /** How long the breaker stays open at first. Each failed try after that doubles the time ... */
  openMs: number;
  /** ... up to this maximum. */
  maxOpenMs: number;
}

export interface CircuitBreaker {
  /**
   * Asks for permission to try. Returns 0 if the caller may try; it then reports the outcome. Otherwise returns the
   * milliseconds until it makes sense to ask again. When the open time is over, one caller may try. If it never
   * reports, the next one may try after `openMs`.
   */
  enter(nowMs: number): number;
  /** Reports a success. It closes an open breaker only during a trial. */
  succeeded(nowMs: number): void;
  /** Reports a failure. Returns whether this failure opened the breaker, so that it is logged once. */
  failed(nowMs: number): boolean;
  readonly isOpen: boolean;
  readonly failuresInARow: number;
}

/** Makes a closed breaker. */
export function createCircuitBreaker({ failures, windowMs, openMs, maxOpenMs }: BreakerPolicy): CircuitBreaker {
  let failuresInARow = 0;
  let firstFailureMs = 0;
  /** Undefined while the breaker is closed. */
  let open: { untilMs: number; forMs: number; trial: boolean } | undefined;

  return {
    enter(nowMs) {
      if (open === undefined) return 0;
      if (nowMs < open.untilMs) return open.untilMs - nowMs;
      open.trial = true;
      // The others wait until the trial ends, or this long if its outcome is never reported.
      open.untilMs = nowMs + openMs;
      return 0;
    },
    succeeded() {
      // A try that began before the breaker opened says nothing about the present.
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
    get failuresInARow() {
      return failuresInARow;
    },
  };
}
