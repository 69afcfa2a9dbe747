/**
 * A pause that ends early when its exchange does.
 */
import type { ServerResponse } from 'node:http';

/** True once nobody waits for the answer any more. */
export function isOver(response: ServerResponse): boolean {
  return response.destroyed || response.closed;
}

/** Resolves after so many ms, or as soon as the response is closed; never rejects. */
export function waitMs(ms: number, response: ServerResponse): Promise<void> {
  if (ms <= 0 || isOver(response)) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      response.off('close', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    response.on('close', finish);
  });
}
