/** Why a body cannot be filtered. The message goes into Kong's log: it says what and where, and holds nothing of the body. */
export class BodyFault extends Error {
  override readonly name = 'BodyFault';
}
