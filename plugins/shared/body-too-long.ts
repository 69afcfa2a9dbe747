/** A body that was dropped as it came, since it is longer than its reader takes. */
export class BodyTooLong extends Error {
  /** How long it is. */
  readonly bytes: number;
  constructor(bytes: number) {
    super(`the body has ${bytes} bytes`);
    this.bytes = bytes;
  }
}
