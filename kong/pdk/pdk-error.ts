/** A PDK call that was not made or got no usable reply. The message names the method and the reason. */
export class PdkError extends Error {
  override readonly name = 'PdkError';
}
