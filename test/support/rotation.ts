/** The rotation command as a process, for tests: run to its end, or killed before a step. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const MAIN = resolve(import.meta.dirname, '../../dist/scripts/rotate-credentials/main.js');

export interface RotationRun {
  exitCode: number | null;
  /** What it printed, a JSON object a line. */
  events: Record<string, unknown>[];
  stderr: string;
  text: string;
}

/**
 * Runs the command with `--json`.
 * @param killBefore it is asked step by step, and killed with SIGKILL when it asks about this one
 */
export async function runRotation(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  killBefore?: string,
): Promise<RotationRun> {
  const stepByStep = killBefore === undefined ? [] : ['--step-by-step'];
  const child = spawn(process.execPath, [MAIN, ...args, '--json', ...stepByStep], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const events: Record<string, unknown>[] = [];
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line) as Record<string, unknown>;
    events.push(event);
    if (event.event === 'confirm') answer(child, event.step === killBefore);
  });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, events, stderr, text: JSON.stringify(events) + stderr };
}

/** Starts `--watch`, which runs until it is told to end. */
export function startWatch(args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [MAIN, 'security-keys', '--watch', ...args, '--json'], {
    env: { PATH: process.env.PATH ?? '', ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  }
  return {
    text: () => text,
    async stop(): Promise<number | null> {
      child.kill('SIGTERM');
      const [exitCode] = (await once(child, 'close')) as [number | null];
      return exitCode;
    },
  };
}

function answer(child: ChildProcess, kill: boolean): void {
  if (kill) child.kill('SIGKILL');
  else child.stdin?.write('y\n');
}
