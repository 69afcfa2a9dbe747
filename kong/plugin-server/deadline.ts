/** How long a handler may take, and how long Kong waits for its plugin server. */

/** In seconds, unless `--deadline` says otherwise. */
export const DEFAULT_DEADLINE_SECONDS = 30;

/** Returns how many seconds Kong waits. It is more than the deadline, at which a working plugin server has answered. */
export function patienceSeconds(deadlineSeconds = DEFAULT_DEADLINE_SECONDS): number {
  return deadlineSeconds + 5;
}
