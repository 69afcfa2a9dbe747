/**
 * Frames of ProtoBuf:1: a 4-byte little-endian length, then that many bytes. Reading costs time and memory in
 * proportion to the bytes received, whatever length is claimed.
 */
import { PbfWriter } from 'pbf';
import type { Codec } from '../pdk/codec.js';
import type { Method } from '../pdk/methods.js';

/**
 * The longest frame that is kept, in bytes. Kong's settings limit its bodies. This limits how much memory a broken peer
 * can take.
 */
export const MAX_FRAME_BYTES = 128 * 1024 * 1024;

const LENGTH_BYTES = 4;
/** A writer that grew beyond this for a large body is not kept. */
const KEPT_WRITER_BYTES = 64 * 1024;
const INITIAL_WRITER_BYTES = 1024;

const EMPTY_FRAME = Buffer.alloc(LENGTH_BYTES);
const EMPTY = Buffer.alloc(0);

/** Called for each whole frame, or with the length of one that was over the limit and has been skipped. */
export type OnFrame = (frame: Buffer | number) => void;

/** Splits a byte stream into frames. */
export class FrameReader {
  readonly #onFrame: OnFrame;
  readonly #maxFrameBytes: () => number;
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Bytes of an over-long frame that are still to be skipped. */
  #toSkip = 0;
  #skippedBytes = 0;

  /** @param maxFrameBytes called for each frame once its length is known */
  constructor(onFrame: OnFrame, maxFrameBytes: () => number = () => MAX_FRAME_BYTES) {
    this.#onFrame = onFrame;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Reads the next bytes, and calls back for each frame that they complete. Frames share their chunk's memory. */
  push(chunk: Buffer): void {
    let rest = this.#skip(chunk);
    if (this.#buffered > 0) {
      this.#chunks.push(rest);
      this.#buffered += rest.length;
      if (this.#buffered < this.#needed()) return;
      rest = Buffer.concat(this.#chunks, this.#buffered);
      this.#chunks = [];
      this.#buffered = 0;
    }
    this.#cut(rest);
  }

  /** Returns how many bytes must be buffered to cut the next frame, or to read its length. */
  #needed(): number {
    let head = this.#chunks[0];
    if (head === undefined) return LENGTH_BYTES;
    if (head.length < LENGTH_BYTES && this.#buffered >= LENGTH_BYTES) {
      head = Buffer.concat(this.#chunks, this.#buffered);
      this.#chunks = [head];
    }
    if (head.length < LENGTH_BYTES) return LENGTH_BYTES;
    const length = head.readUInt32LE(0);
    return length > this.#maxFrameBytes() ? LENGTH_BYTES : LENGTH_BYTES + length;
  }

  #cut(bytes: Buffer): void {
    let chunk = bytes;
    let start = 0;
    while (chunk.length - start >= LENGTH_BYTES) {
      const length = chunk.readUInt32LE(start);
      if (length > this.#maxFrameBytes()) {
        this.#toSkip = length;
        this.#skippedBytes = length;
        chunk = this.#skip(chunk.subarray(start + LENGTH_BYTES));
        start = 0;
        continue;
      }
      const end = start + LENGTH_BYTES + length;
      if (chunk.length < end) break;
      const frame = length === 0 ? EMPTY : chunk.subarray(start + LENGTH_BYTES, end);
      start = end;
      this.#onFrame(frame);
    }
    if (start < chunk.length) {
      this.#chunks = [start === 0 ? chunk : chunk.subarray(start)];
      this.#buffered = chunk.length - start;
    }
  }

  #skip(bytes: Buffer): Buffer {
    if (this.#toSkip === 0) return bytes;
    const skipped = Math.min(this.#toSkip, bytes.length);
    this.#toSkip -= skipped;
    if (this.#toSkip === 0) this.#onFrame(this.#skippedBytes);
    return bytes.subarray(skipped);
  }
}

/** Collects frames in one buffer, so that they are sent in one write. */
export class FrameWriter {
  #writer = new PbfWriter(new Uint8Array(INITIAL_WRITER_BYTES));

  /** Appends a message as a frame. @throws TypeError if the value does not fit the message; then nothing is appended */
  frame<T>(codec: Codec<T>, value: T): void {
    const start = this.#writer.pos;
    try {
      this.#frame(codec, value);
    } catch (error) {
      this.#writer.pos = start;
      throw error;
    }
  }

  /** Appends an encoded message as a frame. */
  bytes(message: Uint8Array): void {
    this.#writer.writeFixed32(message.length);
    this.#raw(message);
  }

  /** Appends a PDK call: the method's name and its argument, a frame each. @throws as `frame` does */
  call(method: Method, argument: unknown): void {
    const start = this.#writer.pos;
    try {
      this.#raw(method.nameFrame);
      this.#frame(method.argument, argument);
    } catch (error) {
      this.#writer.pos = start;
      throw error;
    }
  }

  /** Appends the frame that ends the PDK calls of an event. */
  emptyFrame(): void {
    this.#raw(EMPTY_FRAME);
  }

  get isEmpty(): boolean {
    return this.#writer.pos === 0;
  }

  /** Returns what was collected, and starts again. The bytes belong to the caller and are not written to again. */
  take(): Buffer {
    const writer = this.#writer;
    const length = writer.pos;
    if (writer.buf.length > KEPT_WRITER_BYTES) {
      this.#writer = new PbfWriter(new Uint8Array(INITIAL_WRITER_BYTES));
      return Buffer.from(writer.buf.buffer, writer.buf.byteOffset, length);
    }
    writer.pos = 0;
    // A copy in Buffer's pool: memory of its own for each write would outlive many small garbage collections.
    const bytes = Buffer.allocUnsafe(length);
    bytes.set(writer.buf.subarray(0, length));
    return bytes;
  }

  #frame<T>(codec: Codec<T>, value: T): void {
    const writer = this.#writer;
    const start = writer.pos;
    writer.realloc(LENGTH_BYTES);
    writer.pos = start + LENGTH_BYTES;
    codec.write(value, writer);
    writer.dataView.setUint32(start, writer.pos - start - LENGTH_BYTES, true);
  }

  #raw(bytes: Uint8Array): void {
    const writer = this.#writer;
    writer.realloc(bytes.length);
    writer.buf.set(bytes, writer.pos);
    writer.pos += bytes.length;
  }
}
