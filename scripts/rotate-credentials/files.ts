/** Files that are whole or not there, on disk before the next step, and for their owner only. */
import {
  chownSync,
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** Who may read a file. */
export interface Access {
  mode: number;
  uid?: number;
  gid?: number;
}

export const OWNER_ONLY: Access = { mode: 0o600 };

/**
 * Puts a file in place of another in one step.
 * @throws if it cannot be given to the user and group that are to read it, before anything is replaced
 */
export function replaceFile(path: string, text: string, access: Access = OWNER_ONLY): void {
  const temporary = `${path}.new-${process.pid}`;
  writeNew(temporary, text, access);
  renameSync(temporary, path);
  syncFolder(dirname(path));
}

/** Makes a file, whole, unless there is one. @returns whether it was made */
export function createFile(path: string, text: string): boolean {
  const temporary = `${path}.new-${process.pid}`;
  writeNew(temporary, text, OWNER_ONLY);
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function writeNew(path: string, text: string, { mode, uid, gid }: Access): void {
  rmSync(path, { force: true });
  const file = openSync(path, 'wx', mode);
  try {
    // Not writeSync: on a disk that is nearly full it writes a part, and says so by a number only.
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  if (uid !== undefined && gid !== undefined && (uid !== process.getuid?.() || gid !== process.getgid?.())) {
    chownSync(path, uid, gid);
  }
}

/** Makes renames in a folder lasting. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Undefined if there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Who may read an existing file; for its owner only if there is none. */
export function accessOf(path: string): Access {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? OWNER_ONLY : { mode: stats.mode & 0o777, uid: stats.uid, gid: stats.gid };
}
