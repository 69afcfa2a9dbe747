/** Whether a tool that some tests need is on this machine. */
import { execFileSync } from 'node:child_process';

/** @param args that make it print something and end, such as `--version` */
export function runs(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
