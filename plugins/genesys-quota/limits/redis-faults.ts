/** Errors that Redis itself answers, for the log. Every request may get one, so only one a minute is logged. */
import { oneLine } from '../../shared/one-line.js';

const LOG_EVERY_MS = 60_000;

/** Makes the state of one namespace. */
export function createRedisFaults() {
  let notedMs = Number.NEGATIVE_INFINITY;
  let fault: string | undefined;
  return {
    /** Keeps the message of an error for the log, unless one was kept within the last minute. */
    note(message: string): void {
      const nowMs = performance.now();
      if (nowMs - notedMs < LOG_EVERY_MS) return;
      notedMs = nowMs;
      fault = oneLine(message, 200);
    },
    /** Returns the message to log, once. */
    take(): string | undefined {
      const message = fault;
      fault = undefined;
      return message;
    },
  };
}
