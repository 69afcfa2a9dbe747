/** What carries lines to where they are kept. */
import type { Line } from '../entry/line.js';

export interface Transport {
  /** Of one `send`. */
  readonly maxLines: number;
  readonly maxBytes: number;
  /** How long lines are waited for, to send more of them at once. */
  readonly lingerMs: number;
  /**
   * Sends lines; resolves when all of them have arrived, as far as that can be known. It is not called again before. After a
   * failure the same list is handed over again, so that a transport can go on where it was.
   * @throws SendFailure
   */
  send(lines: readonly Line[]): Promise<void>;
  /** Lets go of whatever is open. */
  close(): void;
}

/** Lines that have not arrived. The message names no content. */
export class SendFailure extends Error {
  /** Whether the same lines may arrive later. */
  readonly isTransient: boolean;
  /** How long the receiver asks to wait; what it asks for is bounded already. */
  readonly retryAfterMs: number;
  /** Those that have not arrived, if some have. */
  readonly remaining: readonly Line[] | undefined;
  /** Those of the others that were refused for good. */
  readonly refused: readonly Line[];

  constructor(
    message: string,
    options: {
      isTransient?: boolean;
      retryAfterMs?: number;
      remaining?: readonly Line[];
      refused?: readonly Line[];
    } = {},
  ) {
    super(message);
    this.isTransient = options.isTransient ?? true;
    this.retryAfterMs = options.retryAfterMs ?? 0;
    this.remaining = options.remaining;
    this.refused = options.refused ?? [];
  }
}

/** What went wrong, without what was sent. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message ?? 'unknown error';
}
