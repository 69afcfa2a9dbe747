/** What a sink sends lines with, such as a file or a connection. */
import type { Line } from '../entry/line.js';

export interface Transport {
  /** The limits of one `send`. */
  readonly maxLines: number;
  readonly maxBytes: number;
  /** How long to wait for more lines, to send them together. */
  readonly lingerMs: number;
  /**
   * Sends lines. Resolves when all have arrived, as far as that can be known; it is not called again before. After a
   * failure it gets the same list again, so that it can go on where it was.
   * @throws SendFailure
   */
  send(lines: readonly Line[]): Promise<void>;
  /** Closes whatever is open. */
  close(): void;
}

/** Thrown when lines have not arrived. The message contains none of their content. */
export class SendFailure extends Error {
  /** Whether the same lines may arrive later. */
  readonly isTransient: boolean;
  /** How long the receiver asks to wait. Already bounded. */
  readonly retryAfterMs: number;
  /** The lines that have not arrived, if some have. */
  readonly remaining: readonly Line[] | undefined;
  /** Other lines, which were refused for good. */
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

/** Returns what went wrong, without what was sent. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message ?? 'unknown error';
}
