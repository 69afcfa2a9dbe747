/** Files that a configuration names: only below the folders that the plugin server's command line allows (`--secrets-dir`). */
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

/** What Linux allows. */
const MAX_LINKS = 40;
const MAX_PATH_LENGTH = 4096;

/** A file that may be read. */
export interface ReadableFile {
  bytes: Buffer;
  /** Tells whether it is another file now. */
  identity: string;
}

/**
 * Reads a file, unless it is still the one that was read before. Synchronous: a few microseconds, and nobody then has to
 * wait for the value.
 *
 * Kubernetes changes a secret by turning a symbolic link, so the path is resolved each time, and what it leads to must
 * be below an allowed folder. Of what is outside them nothing is told, not even whether it is there.
 * @param identity of the file that was read before; undefined is returned if it is still that one
 * @throws Error with what is wrong, as the end of a sentence about the file
 */
export function readAllowedFile(
  file: string,
  folders: readonly string[],
  maxBytes: number,
  identity?: string,
): ReadableFile | undefined {
  const target = resolveAllowed(file, folders);
  // Not blocked by a pipe, and not led away by a link put in place since.
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  const descriptor = systemCall(() => openSync(target, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  try {
    const stats = fstatSync(descriptor, { bigint: true });
    if (!stats.isFile()) throw new Error('is not a regular file');
    const current = identityOf(stats);
    if (current === identity) return undefined;
    // Not of the size that the system gives: it is 0 in some file systems, and while a file is being written.
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
 * Follows a path's links, as realpath does, but also where there is nothing. The errors of realpath say what exists at the
 * end of a link that leads out of the folders.
 * @throws Error as for a path outside, where links go round in circles
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

/** Names the system's error code, whose message would repeat the path. */
function systemCall<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new Error(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
}
