/**
 * Stops synchronous work that takes too long, a search with a regular expression included. Such work never looks at a
 * clock, so another thread does.
 */
import { closeSync, openSync } from 'node:fs';
import { type Context, createContext, Script } from 'node:vm';

const CALL = new Script('work()');
/** Two for the thread's event loop, and two more where libuv uses io_uring. */
const WATCH_DESCRIPTORS = 4;
let context: Context | undefined;

/**
 * Runs work for some milliseconds at most. Node starts a thread each time, which takes 0.05 ms.
 * @param work may be stopped anywhere, and its `finally` blocks do not run then: it must leave nothing half done
 * @returns undefined if the work was stopped, or not begun because the process has no file descriptors left
 */
export function runWithin<T>(limitMs: number, work: () => T): { result: T } | undefined {
  if (!canWatch()) return undefined;
  context ??= createContext();
  context.work = work;
  try {
    // Node's timer may be a millisecond early.
    return { result: CALL.runInContext(context, { timeout: Math.ceil(limitMs) + 1 }) as T };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return undefined;
    throw error;
  } finally {
    context.work = undefined;
  }
}

/** Tells whether there are enough file descriptors for the thread: Node aborts the process if there are not. */
function canWatch(): boolean {
  const opened: number[] = [];
  try {
    while (opened.length < WATCH_DESCRIPTORS) opened.push(openSync('/dev/null', 'r'));
    return true;
  } catch {
    return false;
  } finally {
    opened.forEach(closeSync);
  }
}
