/** Reads from Linux what processes use (proc(5)). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Linux counts process times in hundredths of a second (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** Returns the user and system time of a process so far. */
export function cpuSeconds(pid: number): number {
  const fields = statOf(pid);
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Returns the resident memory of a process now. @throws Error if it has ended */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no memory: it has ended`);
  return Number(kilobytes) * 1024;
}

/** Lists what a process has open: a path, `socket:[inode]`, `pipe:[inode]`. @throws Error if it has ended */
export function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // Closed while we looked.
    }
  });
}

/** Returns a process's command line; empty if it has ended. nginx writes the process's role there. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** Returns the children of a process. */
export function childrenOf(parent: number): number[] {
  return processesThat((read) => new RegExp(`^PPid:\\s${parent}$`, 'm').test(read('status')));
}

/** Finds the processes that match. @param matches gets a reader for a process's files in /proc */
export function processesThat(matches: (read: (file: string) => string) => boolean): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      return matches((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8'));
    } catch {
      return false; // It has ended while we looked.
    }
  });
}

/** Returns the fields after the command's name, from the third on. */
function statOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
}
