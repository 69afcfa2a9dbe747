/** A log file that a test reads while entries are appended: entries by request id, and all bytes. */
import { existsSync, readFileSync } from 'node:fs';
import { waitFor } from '../../kong/testbed/wait-for.js';
import type { Entry } from '../../plugins/genesys-pii-log/entry/entry.js';

export interface AuditLog {
  path: string;
  /** Everything so far. */
  text(): string;
  entries(): Entry[];
  /** Waits until so many entries are there. */
  waitForEntries(count: number, timeoutMs?: number): Promise<Entry[]>;
  /** Waits for the entry of a request. */
  entryOf(requestId: string | null): Promise<Entry>;
  /** Waits for an entry that is otherwise known. */
  find(what: string, matches: (entry: Entry) => boolean): Promise<Entry>;
}

export function openAuditLog(path: string): AuditLog {
  const text = (): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  // What follows the last line feed is being written.
  const entries = (): Entry[] =>
    text()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Entry);
  const find = (what: string, matches: (entry: Entry) => boolean): Promise<Entry> =>
    waitFor(what, () => entries().find(matches));
  return {
    path,
    text,
    entries,
    find,
    waitForEntries: (count, timeoutMs) =>
      waitFor(
        `${count} entries`,
        () => {
          const all = entries();
          return all.length >= count && all;
        },
        timeoutMs,
      ),
    entryOf: (requestId) => find(`the entry of ${requestId}`, (entry) => entry.request_id === requestId),
  };
}
