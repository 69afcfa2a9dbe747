/** How a rotation fails: a stable name for programs, a sentence for people, and a hint what to do. */
import { property } from '../../plugins/shared/property.js';

export const FAILURE_NAMES = [
  'TARGET_NOT_FOUND',
  'INVENTORY_EMPTY',
  'QUOTA_EXCEEDED',
  'SCOPE_VIOLATION',
  'EXPIRATION_VIOLATION',
  'DEPENDENCY_CHECK_FAILED',
  'KEY_CREATION_FAILED',
  'FORMAT_VERIFICATION_FAILED',
  'ROLLBACK_TRIGGERED',
] as const;

export type FailureName = (typeof FAILURE_NAMES)[number];

/** A failure with a name. Neither message nor hint ever holds a secret. */
export class RotationFailure extends Error {
  readonly failure: FailureName;
  readonly hint: string;

  constructor(failure: FailureName, message: string, hint: string) {
    super(message);
    this.name = 'RotationFailure';
    this.failure = failure;
    this.hint = hint;
  }
}

/**
 * Gives a failure without a name the one of the step that it happened in.
 * @param hint used if the error brings none of its own
 */
export function asFailure(error: unknown, failure: FailureName, hint: string): RotationFailure {
  if (error instanceof RotationFailure) return error;
  const own = property(error, 'hint');
  return new RotationFailure(failure, messageOf(error), typeof own === 'string' ? own : hint);
}

/** One line. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').slice(0, 500);
}
