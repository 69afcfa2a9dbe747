/** What processes have used, as Linux tells it (proc(5)). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Linux counts process times in hundredths of a second (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** User and system time of a process so far. */
export function cpuSeconds(pid: number): number {
  const fields = statOf(pid);
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of a process now. @throws Error if it has ended */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no memory: it has ended`);
  return Number(kilobytes) * 1024;
}

/** What a process has open, one entry a file descriptor: a path, `socket:[inode]`, `pipe:[inode]`. @throws Error if it has ended */
export function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // Closed while we looked.
    }
  });
}

/** The command line of a process as text; empty if it has ended. nginx writes there what a process of it is. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** The children of a process. */
export function childrenOf(parent: number): number[] {
  return processesThat((read) => new RegExp(`^PPid:\\s${parent}$`, 'm').test(read('status')));
}

/** The processes of this machine that match. @param matches is given the files of a process in /proc */
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

/** The fields after the command's name, from the third on. */
function statOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
}
