/** Why a body cannot be filtered. The message is logged. It says what and where, and contains nothing of the body. */
export class BodyFault extends Error {
  override readonly name = 'BodyFault';
}
