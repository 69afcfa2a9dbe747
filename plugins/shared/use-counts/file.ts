/**
 * A file with counts, so that they survive a restart without Redis. Several processes of a machine may write it: during
 * a reload there are two. Each adds what it has counted under a lock, to a new file that takes the old one's place, on
 * disk before it does.
 */
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sleep } from '../clock.js';
import { errorCode } from '../error-code.js';
import { property } from '../property.js';
import { type Book, createBook, parseBook } from './book.js';
import type { Batch, CountStore } from './counts.js';

export interface CountFile {
  /** Returns the counts of one section, such as of a namespace. */
  section(name: string): CountStore;
  /** Returns what to log: that it cannot be written, that it can again, that it was not readable. Each once. */
  takeNotice(): { level: 'err' | 'notice'; message: string } | undefined;
}

/** Use by consumer and by OAuth client. A year of 100 consumers takes about 500 KB. */
export const USE_FILE = { name: 'genesys-use.json', maxBytes: 4 * 1024 * 1024 };
/** Weeks and months of limits: 10,000 counters and more. */
export const WINDOWS_FILE = { name: 'genesys-windows.json', maxBytes: 1024 * 1024 };

/** Longer than any write takes: a process that died has left the lock. */
const LOCK_DIED_MS = 10_000;
const LOCK_WAIT_MS = 2_000;
const LOCK_POLL_MS = 20;

type Timing = Pick<Clock, 'nowMs' | 'wallClockMs' | 'startTimer'>;

/** @param folder is made if it is not there */
export function createCountFile(folder: string, { name, maxBytes }: typeof USE_FILE, timing: Timing): CountFile {
  const path = join(folder, name);
  const notices: { level: 'err' | 'notice'; message: string }[] = [];
  let isBroken = false;
  /** Ends when nothing of this process works on the file any more. */
  let idle: Promise<unknown> = Promise.resolve();

  /** Runs one after the other. */
  function alone<T>(work: () => Promise<T>): Promise<T> {
    const done = idle.then(work);
    idle = done.catch(() => {});
    return done;
  }

  async function readBook(): Promise<Book> {
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (property(error, 'code') === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return createBook();
    const book = text.length > maxBytes ? undefined : parseBook(text);
    if (book !== undefined) return book;
    await rename(path, `${path}.unreadable`);
    notices.push({ level: 'err', message: `${path} was not readable, is ${name}.unreadable now: counts begin anew` });
    return createBook();
  }

  async function write(text: string): Promise<void> {
    const temporary = `${path}.new`;
    // Whoever held the lock before may have died while it wrote.
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    // From here on it is written, whatever the folder says.
    await syncFolder(folder).catch(() => {});
  }

  async function add(section: string, { day, counts }: Batch): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const unlock = await lock(`${path}.lock`, timing);
    try {
      const book = await readBook();
      book.add(section, day, counts);
      book.tidy(timing.wallClockMs(), maxBytes);
      await write(book.write());
    } finally {
      await unlock();
    }
  }

  function tell(error: unknown): void {
    const isNow = error !== undefined;
    if (isNow === isBroken) return;
    isBroken = isNow;
    notices.push(
      isNow
        ? { level: 'err', message: `use cannot be written to ${path} (${errorCode(error)}): it is kept in memory` }
        : { level: 'notice', message: `use is written to ${path} again` },
    );
  }

  return {
    section: (section) => ({
      kind: 'file',
      add: (batch) =>
        alone(() =>
          add(section, batch).then(
            () => tell(undefined),
            (error) => {
              tell(error);
              throw error;
            },
          ),
        ),
      read: (span) => alone(async () => (await readBook()).read(section, span)),
    }),
    takeNotice: () => notices.shift(),
  };
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}

/** Takes a lock among the processes of this machine. @returns what gives it back */
async function lock(path: string, timing: Timing): Promise<() => Promise<void>> {
  const giveUpAtMs = timing.nowMs() + LOCK_WAIT_MS;
  for (;;) {
    try {
      await (await open(path, 'wx', 0o600)).close();
      return () => rm(path, { force: true });
    } catch (error) {
      if (property(error, 'code') !== 'EEXIST' || timing.nowMs() > giveUpAtMs) throw error;
    }
    const state = await stat(path).catch(() => undefined);
    if (state !== undefined && Date.now() - state.mtimeMs > LOCK_DIED_MS) await rm(path, { force: true });
    else await sleep(timing, LOCK_POLL_MS);
  }
}
