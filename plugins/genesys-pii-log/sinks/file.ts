/**
 * Appends lines to a file. Follows rotation by renaming: the path is checked before every write, and opened again if it
 * is another file.
 */
import { constants, lstatSync, realpathSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import type { Line } from '../entry/line.js';
import { reasonOf, SendFailure, type Transport } from './transport.js';

/**
 * Returns what is wrong with a path for a log file, as the end of a sentence; undefined if nothing is.
 * @param logDirs the folders that may contain log files; if not known here, only the path itself is checked
 */
export function faultOfLogPath(path: string, logDirs: readonly string[] | undefined): string | undefined {
  if (!path.startsWith('/')) return 'is not an absolute path';
  if (path.endsWith('/')) return 'is a folder';
  if (logDirs === undefined) return undefined;
  if (logDirs.length === 0) return 'cannot be used: the plugin server was started without --log-dir';
  try {
    const folder = realpathSync(dirname(path)) + sep;
    const isBelow = logDirs.some((dir) => folder.startsWith(realpathSync(dir) + sep));
    return isBelow ? undefined : 'does not lie below a folder named by --log-dir';
  } catch (error) {
    return `lies in a folder that cannot be used (${reasonOf(error)})`;
  }
}

/** Creates the transport to a file below a log folder. */
export function createFileTransport(path: string, logDirs: readonly string[]): Transport {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  return createAppender(async () => {
    const fault = faultOfLogPath(path, logDirs);
    if (fault !== undefined) throw new SendFailure(`${path} ${fault}`);
    // Does not follow a link, and does not block on a pipe.
    const file = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    if ((await file.stat()).isFile()) return file;
    await file.close();
    throw new SendFailure(`${path} is not a regular file`);
  }, path);
}

/**
 * Creates the transport to what the command line names as standard output: the container's own, such as `/proc/1/fd/1`,
 * which is not rotated, or a file, which is made if it is missing.
 */
export function createOutputTransport(path: string): Transport {
  const { O_WRONLY, O_APPEND, O_NONBLOCK } = constants;
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? true) return createFileTransport(path, [dirname(path)]);
  return createAppender(() => open(path, O_WRONLY | O_APPEND | O_NONBLOCK), undefined);
}

/** How long entries are collected. A check and a write for each would cost as much as masking a short body. */
const LINGER_MS = 20;

/** Creates the transport to what `openFile` opens. @param followed the path to check before every write, if any */
function createAppender(openFile: () => Promise<FileHandle>, followed: string | undefined): Transport {
  let file: FileHandle | undefined;
  let identity = '';
  /** What is being written, and how much of it has been written. */
  let pending: { lines: readonly Line[]; bytes: Buffer; offset: number } | undefined;
  /** Whether the file ends in the middle of a line. */
  let isMidLine = false;

  const close = (): void => {
    void file?.close().catch(() => {});
    file = undefined;
  };

  async function current(): Promise<FileHandle> {
    // A line that was begun is completed in the same file.
    if (file !== undefined && followed !== undefined && !isMidLine) {
      const there = await stat(followed).catch(() => undefined);
      if (there === undefined || `${there.dev} ${there.ino}` !== identity) close();
    }
    if (file === undefined) {
      file = await openFile();
      const { dev, ino } = await file.stat();
      if (identity !== `${dev} ${ino}`) {
        // What was begun in a file that is gone is written again from the start.
        isMidLine = false;
        if (pending !== undefined) pending.offset = 0;
      }
      identity = `${dev} ${ino}`;
    }
    return file;
  }

  return {
    maxLines: 1000,
    maxBytes: 1024 * 1024,
    lingerMs: LINGER_MS,
    async send(lines) {
      try {
        if (pending !== undefined && pending.lines !== lines) pending = undefined;
        const target = await current();
        if (pending === undefined) {
          // A batch may have been given up in the middle of a line. The next line must not be joined to it.
          const text = `${isMidLine ? '\n' : ''}${lines.map(({ json }) => `${json}\n`).join('')}`;
          pending = { lines, bytes: Buffer.from(text), offset: 0 };
        }
        while (pending.offset < pending.bytes.length) {
          const { bytesWritten } = await target.write(pending.bytes, pending.offset);
          pending.offset += bytesWritten;
          isMidLine = pending.bytes[pending.offset - 1] !== 0x0a;
        }
        pending = undefined;
      } catch (error) {
        if (error instanceof SendFailure) throw error;
        const { code } = error as NodeJS.ErrnoException;
        // A full pipe or disk is no reason to open the file again.
        if (code !== 'EAGAIN' && code !== 'ENOSPC') close();
        throw new SendFailure(`cannot write (${reasonOf(error)})`);
      }
    },
    close,
  };
}
