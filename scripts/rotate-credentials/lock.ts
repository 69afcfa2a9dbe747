/**
 * Excludes two rotations that share a state folder. A process that was killed leaves its lock behind, so the next one
 * must be able to take it over, and only one of several that try may succeed: each holder makes the next number's file,
 * which only one can, and whoever then sees a higher number steps back.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createFile, readIfThere, replaceFile } from './files.js';

const NAME = /^lock\.(\d+)$/;

interface Holder {
  nonce: string;
  host: string;
  pid: number;
  /** Of the process: a pid is used again. */
  startedAt: string;
  released: boolean;
}

/**
 * Takes the lock.
 * @returns what gives it back
 * @throws Error of one line that names the holder
 */
export function takeLock(folder: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const mine: Holder = {
    nonce: randomUUID(),
    host: hostname(),
    pid: process.pid,
    startedAt: startOf(process.pid) ?? '',
    released: false,
  };
  for (;;) {
    const highest = Math.max(0, ...numbers(folder));
    const holder = highest === 0 ? undefined : readHolder(join(folder, `lock.${highest}`));
    if (holder !== undefined && isHeld(holder)) {
      throw new Error(
        `another rotation holds ${folder} (process ${holder.pid} on ${holder.host}): wait for it, or choose another --state-dir`,
      );
    }
    const path = join(folder, `lock.${highest + 1}`);
    if (!createFile(path, JSON.stringify(mine))) continue;
    if (Math.max(...numbers(folder)) > highest + 1) {
      rmSync(path, { force: true });
      continue;
    }
    for (const number of numbers(folder)) {
      if (number <= highest) rmSync(join(folder, `lock.${number}`), { force: true });
    }
    return () => replaceFile(path, JSON.stringify({ ...mine, released: true }));
  }
}

function numbers(folder: string): number[] {
  return readdirSync(folder)
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number);
}

function readHolder(path: string): Holder | undefined {
  const text = readIfThere(path);
  return text === undefined ? undefined : (JSON.parse(text) as Holder);
}

function isHeld({ host, pid, startedAt, released }: Holder): boolean {
  if (released) return false;
  // Of another machine's process nothing can be known.
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return startedAt === '' || (startOf(pid) ?? startedAt) === startedAt;
}

/** When a process was started, in the kernel's ticks; undefined where there is no /proc, and for one that has ended. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? 'ended' : rest[18];
  } catch {
    return undefined;
  }
}
