/** What is recorded of a request while it runs, if somebody asks for what passed (exchange.ts). */

/** What is recorded while the request runs. */
export interface Recording {
  service: PassedBody;
  client: PassedBody;
  /** Milliseconds by plugin and phase. */
  plugins: [string, number][];
}

/** Of longer bodies the beginning is kept. */
const MAX_KEPT_BYTES = 64 * 1024;

/** Collects the beginning of a body. */
export class PassedBody {
  readonly #chunks: Buffer[] = [];
  #kept = 0;
  bytes = 0;

  push(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.#kept >= MAX_KEPT_BYTES) return;
    const part = Buffer.from(chunk.subarray(0, MAX_KEPT_BYTES - this.#kept));
    this.#chunks.push(part);
    this.#kept += part.length;
  }

  get beginning(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

export function newRecording(): Recording {
  return { service: new PassedBody(), client: new PassedBody(), plugins: [] };
}
