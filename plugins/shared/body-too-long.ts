/** A body was longer than its reader accepts, and was dropped while it arrived. */
export class BodyTooLong extends Error {
  /** The length of the body. */
  readonly bytes: number;
  constructor(bytes: number) {
    super(`the body has ${bytes} bytes`);
    this.bytes = bytes;
  }
}
