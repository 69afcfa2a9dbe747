/** Keeps a plugin server running where Kong does not start it, as Kong would: when one has ended, the next one begins. */
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that ends again and again is started once in this time, as Kong does. */
const RESTART_MS = 1000;
/** How often it is asked whether the socket is there. */
const LOOK_MS = 20;

/** As Kong has it. Nobody's secrets are in it. */
const ENVIRONMENT = { PWD: '/' };

export interface Kept {
  /** Ends the process and starts no other. Resolves when it has written what it had to write, and ended. */
  stop(): Promise<void>;
}

/**
 * Starts a plugin server and resolves when it listens. What it prints goes where this process prints to.
 * @param command the executable and its arguments
 * @param socket on which it listens
 * @throws Error of one line, if it ends before. What was wrong it has printed
 */
export async function keepRunning(command: readonly string[], socket: string): Promise<Kept> {
  const [executable = '', ...args] = command;
  const start = () => {
    // Detached: at a terminal, Ctrl-C is for Kong, which needs the plugins until it has ended.
    const child = spawn(executable, args, { cwd: '/', env: ENVIRONMENT, stdio: 'inherit', detached: true });
    const startedAt = performance.now();
    const ended = new Promise<void>((resolve) => {
      // Without an executable there is an error and no exit.
      child.once('error', () => resolve());
      child.once('exit', () => resolve());
    });
    void ended.then(async () => {
      if (!isListening) return;
      await sleep(Math.max(0, startedAt + RESTART_MS - performance.now()));
      if (!isStopping) running = start();
    });
    return { child, ended };
  };
  let [isListening, isStopping] = [false, false];
  // A socket that was there before is that of a process that was killed.
  const before = inodeOf(socket);
  let running = start();
  const first = running.child;
  while ([undefined, before].includes(inodeOf(socket))) {
    if (first.pid === undefined || first.exitCode !== null || first.signalCode !== null)
      throw new Error(`the plugin server ended before it listened on ${socket}`);
    await sleep(LOOK_MS);
  }
  isListening = true;
  return {
    async stop() {
      isStopping = true;
      running.child.kill('SIGTERM');
      await running.ended;
    },
  };
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
