/** Reads files that a configuration names, but only in folders that the command line allows (`--secrets-dir`). */
import {
  type BigIntStats,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { isAbsolute, join, resolve, sep } from 'node:path';

/** Linux' own limit. */
const MAX_LINKS = 40;
const MAX_PATH_LENGTH = 4096;

/** The content of a file. */
export interface ReadableFile {
  bytes: Buffer;
  /** Changes when the file changes. */
  identity: string;
}

/**
 * Reads a file, unless it is unchanged since the last read. Synchronous: it takes a few microseconds, and callers do
 * not have to wait for the value.
 *
 * Kubernetes changes a secret by replacing a symbolic link. So the path is resolved each time, and its target must be
 * in an allowed folder. Errors reveal nothing about other folders, not even whether a file exists.
 * @param identity the identity from the last read; if the file still has it, undefined is returned
 * @throws Error with what is wrong, as the end of a sentence about the file
 */
export function readAllowedFile(
  file: string,
  folders: readonly string[],
  maxBytes: number,
  identity?: string,
): ReadableFile | undefined {
  const target = resolveAllowed(file, folders);
  // O_NONBLOCK: a pipe does not block. O_NOFOLLOW: a link that was created after the check is not followed.
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  const descriptor = systemCall(() => openSync(target, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  try {
    const stats = fstatSync(descriptor, { bigint: true });
    if (!stats.isFile()) throw new Error('is not a regular file');
    const current = identityOf(stats);
    if (current === identity) return undefined;
    // The system's size is not used: it is 0 in some file systems, and also while a file is being written.
    const bytes = Buffer.alloc(maxBytes + 1);
    const length = systemCall(() => readSync(descriptor, bytes));
    if (length > maxBytes) throw new Error(`is larger than ${maxBytes} bytes`);
    return { bytes: bytes.subarray(0, length), identity: current };
  } finally {
    closeSync(descriptor);
  }
}

function resolveAllowed(file: string, folders: readonly string[]): string {
  const roots = folders.map(destinationOf);
  if (!roots.some((root) => existsSync(root))) {
    throw new Error('cannot be read (ENOENT): no folder named by --secrets-dir is there');
  }
  const target = destinationOf(file);
  if (!roots.some((root) => target.startsWith(root + sep))) throw outside();
  return target;
}

/**
 * Resolves the links of a path like realpath, but also if nothing exists there. The errors of realpath would reveal
 * what exists outside the folders, at the end of a link.
 * @throws Error as for a path outside, if the links form a circle
 */
function destinationOf(path: string): string {
  const steps = resolve(path).split(sep);
  let target: string = sep;
  let links = 0;
  for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
    const next = join(target, step);
    const link = linkAt(next);
    if (link === undefined) {
      target = next;
    } else {
      links += 1;
      steps.unshift(...link.split(sep));
      if (isAbsolute(link)) target = sep;
    }
    if (links > MAX_LINKS || next.length > MAX_PATH_LENGTH) throw outside();
  }
  return target;
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function outside(): Error {
  return new Error('does not lie below a folder named by --secrets-dir');
}

function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join();
}

/** Throws only the system's error code, because its message repeats the path. */
function systemCall<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new Error(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
}
