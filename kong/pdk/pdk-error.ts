/** A PDK call that was not made, or whose answer cannot be had. The message names the method and the reason. */
export class PdkError extends Error {
  override readonly name = 'PdkError';
}
