/** Masking a long body takes turns with other work, so that access events of other requests do not wait for it. */

/** How many characters are masked before the process does other work. */
export const SLICE = 4 * 1024;

/** The same where most of it is masked without being searched. */
export const QUICK_SLICE = 16 * 1024;

/** Lets the process do other work that is waiting. */
export function otherWork(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
