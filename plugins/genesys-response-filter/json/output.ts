/** Collects the kept ranges of a body in one buffer. Adjacent ranges are copied at once. */

import { type JsonText, jsonText } from './text.js';

/** Up to this many bytes, a loop is faster than a call of the engine's copy (measured). */
const LOOP_BYTES = 256;

export class Output {
  readonly #from: JsonText;
  #to: JsonText = EMPTY;
  #length = 0;
  /** The range that is not copied yet. The next range may continue it. */
  #start = 0;
  #end = 0;

  constructor(from: JsonText) {
    this.#from = from;
  }

  /** Adds a range of the body. */
  range(start: number, end: number): void {
    if (start !== this.#end) {
      this.flush();
      this.#start = start;
    }
    this.#end = end;
  }

  /** Adds bytes that are not from the body. */
  bytes(bytes: Buffer, start = 0, end = bytes.length): void {
    this.flush();
    this.#reserve(end - start);
    const to = this.#to.bytes;
    let at = this.#length;
    if (end - start > LOOP_BYTES) bytes.copy(to, at, start, end);
    else for (let i = start; i < end; i += 1) to[at++] = bytes[i] as number;
    this.#length += end - start;
  }

  byte(byte: number): void {
    this.flush();
    this.#reserve(1);
    this.#to.bytes[this.#length] = byte;
    this.#length += 1;
  }

  /** Copies the open range. @returns the number of bytes in the output */
  flush(): number {
    const start = this.#start;
    const end = this.#end;
    if (start < end) {
      const length = end - start;
      this.#reserve(length);
      if (length > LOOP_BYTES) this.#from.bytes.copy(this.#to.bytes, this.#length, start, end);
      else copyRange(this.#from, start, end, this.#to, this.#length);
      this.#length += length;
      // No range begins here, so that the next one cannot continue a range that is already copied.
      this.#start = -1;
      this.#end = -1;
    }
    return this.#length;
  }

  /** Removes everything from `start` on, and returns it. */
  cut(start: number): Buffer {
    this.flush();
    const cut = Buffer.from(this.#to.bytes.subarray(start, this.#length));
    this.#length = start;
    return cut;
  }

  /** Returns the output, or the body itself if all of it was kept. */
  result(): Buffer {
    if (this.#length === 0 && this.#start === 0 && this.#end === this.#from.bytes.length) return this.#from.bytes;
    this.flush();
    return this.#to.bytes.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#to.bytes.length) return;
    // The output is nearly always shorter than the body. Only new names and templates can make it longer.
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#from.bytes.length, this.#to.bytes.length * 2));
    this.#to.bytes.copy(grown, 0, 0, this.#length);
    this.#to = jsonText(grown);
  }
}

const EMPTY = jsonText(Buffer.alloc(0));

function copyRange(from: JsonText, start: number, end: number, to: JsonText, at: number): void {
  let i = start;
  let o = at;
  for (; i + 4 <= end; i += 4) {
    to.view.setInt32(o, from.view.getInt32(i, true), true);
    o += 4;
  }
  for (; i < end; i += 1) {
    to.bytes[o] = from.bytes[i] as number;
    o += 1;
  }
}
