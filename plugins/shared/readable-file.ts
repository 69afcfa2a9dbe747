/** Files that a configuration names: only below the folders that the plugin server's command line allows (`--secrets-dir`). */
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { resolve, sep } from 'node:path';

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
    const bytes = Buffer.alloc(Math.min(Number(stats.size), maxBytes) + 1);
    const length = systemCall(() => readSync(descriptor, bytes));
    if (length > maxBytes) throw new Error(`is larger than ${maxBytes} bytes`);
    return { bytes: bytes.subarray(0, length), identity: current };
  } finally {
    closeSync(descriptor);
  }
}

function resolveAllowed(file: string, folders: readonly string[]): string {
  const resolved = folders.map((folder) => systemCall(() => realpathSync(folder)));
  const isBelow = (path: string, dirs: readonly string[]): boolean => dirs.some((dir) => path.startsWith(dir + sep));
  const outside = new Error('does not lie below a folder named by --secrets-dir');
  let target: string;
  try {
    target = realpathSync(file);
  } catch (error) {
    throw isBelow(resolve(file), [...folders, ...resolved]) ? systemFault(error) : outside;
  }
  if (!isBelow(target, resolved)) throw outside;
  return target;
}

function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join();
}

function systemCall<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw systemFault(error);
  }
}

/** Names the system's error code, whose message would repeat the path. */
function systemFault(error: unknown): Error {
  return new Error(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
}
