/** Long bodies are masked in slices: access events of other requests wait meanwhile. */

/** So many characters are masked before the process does other work. */
export const SLICE = 4 * 1024;

/** Lets the process do what has come in between. */
export function otherWork(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
