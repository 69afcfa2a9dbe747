/** Collects the ranges of a body that are kept, as one buffer. Neighbouring ranges are copied at once. */

/** Up to so many bytes a loop is quicker than a call of the engine's copy (measured). */
const LOOP_BYTES = 48;

export class Output {
  readonly #from: Buffer;
  #to: Buffer;
  #length = 0;
  /** A range that is not yet copied: the next one may continue it. */
  #start = 0;
  #end = 0;

  constructor(from: Buffer) {
    this.#from = from;
    this.#to = EMPTY;
  }

  /** Adds a range of the body. */
  range(start: number, end: number): void {
    if (start !== this.#end) {
      this.flush();
      this.#start = start;
    }
    this.#end = end;
  }

  /** Adds bytes that are not the body's. */
  bytes(bytes: Buffer): void {
    this.flush();
    this.#reserve(bytes.length);
    this.#to.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  byte(byte: number): void {
    this.flush();
    this.#reserve(1);
    this.#to[this.#length] = byte;
    this.#length += 1;
  }

  /** Copies what is not yet copied. @returns how many bytes are there */
  flush(): number {
    const start = this.#start;
    const end = this.#end;
    if (start < end) {
      const from = this.#from;
      const length = end - start;
      this.#reserve(length);
      const to = this.#to;
      let at = this.#length;
      if (length > LOOP_BYTES) from.copy(to, at, start, end);
      else for (let i = start; i < end; i += 1) to[at++] = from[i] as number;
      this.#length += length;
      // No range begins there, so the next one does not seem to continue this one, which it would without a copy.
      this.#start = -1;
      this.#end = -1;
    }
    return this.#length;
  }

  /** What is there from `start` on, taken out. */
  cut(start: number): Buffer {
    this.flush();
    const cut = Buffer.from(this.#to.subarray(start, this.#length));
    this.#length = start;
    return cut;
  }

  /** All of it; the body itself if all of that was kept. */
  result(): Buffer {
    if (this.#length === 0 && this.#start === 0 && this.#end === this.#from.length) return this.#from;
    this.flush();
    return this.#to.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#to.length) return;
    // Nearly always less than the body is kept, and only new names and templates can make it more.
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#from.length, this.#to.length * 2));
    this.#to.copy(grown, 0, 0, this.#length);
    this.#to = grown;
  }
}

const EMPTY = Buffer.alloc(0);
