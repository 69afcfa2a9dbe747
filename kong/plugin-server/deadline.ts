/** How long a handler may take, and how long Kong waits for its plugin server. */

/** In seconds, unless `--deadline` says otherwise. */
export const DEFAULT_DEADLINE_SECONDS = 30;

/** Returns how long Kong waits, in seconds: longer than the deadline, at which a plugin server that runs has answered. */
export function patienceSeconds(deadlineSeconds = DEFAULT_DEADLINE_SECONDS): number {
  return deadlineSeconds + 5;
}
