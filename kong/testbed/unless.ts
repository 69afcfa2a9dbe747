/** Options of a test or a group that cannot run everywhere. What is left out, and why, is printed after the run. */
// Without it, nothing in the image's build loads the module that is declared more of.
import type {} from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Why this test or group is left out. */
    skipped?: string;
  }
}

/** Leaves a test or a group out if there is a reason to: `describe('on Redis', unless(REDIS_MISSING), () => ...)`. */
export const unless = (reason: string | undefined) =>
  reason === undefined ? {} : { skip: true, meta: { skipped: reason } };

/** For a test that takes a minute or more. */
export const LONG_ONLY = process.env.LONG ? undefined : 'takes a minute or more: LONG=1';
