/** Starts a plugin server's process as Kong does: with its command, an almost empty environment and its own socket. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { NODE_OPTIONS } from '../plugin-list.js';
import { residentBytes } from './processes.js';
import { waitFor } from './wait-for.js';

/** The repository's folder, whether this file runs as TypeScript or from dist. */
export const ROOT = resolve(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '../..' : '../../..');

export interface PluginServerProcess {
  process: ChildProcess;
  pid: number;
  socketPath: string;
  /** Returns what the process has printed so far. */
  output(): string;
  /** Resolves with the exit code, or the signal's name, once the process has ended. */
  exited: Promise<number | string>;
  /** Returns the resident memory in bytes. */
  residentBytes(): number;
  /** Ends the process and removes its folder. */
  stop(): Promise<void>;
}

/**
 * Starts `dist/<script>` with `--socket` and waits until it listens.
 * @param script path below dist, such as `bin/genesys-token-manager.js`
 */
export async function startPluginServer(
  script: string,
  args: string[] = [],
  socketPath = join(mkdtempSync(join(tmpdir(), 'ps-')), 's'),
): Promise<PluginServerProcess> {
  const child = spawn(
    process.execPath,
    [...NODE_OPTIONS, join(ROOT, 'dist', script), '--socket', socketPath, ...args],
    {
      env: { PWD: '/' },
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const exited = new Promise<number | string>((done) => {
    child.on('exit', (code, signal) => done(code ?? signal ?? 'unknown'));
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${script} could not be started`);
  await waitFor(`${script} listens`, () => {
    if (child.exitCode !== null) throw new Error(`${script} ended with ${child.exitCode}: ${output}`);
    return output.includes('listens on') && existsSync(socketPath);
  });
  return {
    process: child,
    pid,
    socketPath,
    output: () => output,
    exited,
    residentBytes: () => residentBytes(pid),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exited;
      rmSync(join(socketPath, '..'), { recursive: true, force: true });
    },
  };
}
