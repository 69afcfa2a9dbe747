/** Starts `npm start` as a process, for those who play or picture its six lines. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Step } from './steps.js';

/** @throws Error with what it complains about, if it does not start */
export async function startForDemo(args: readonly string[]) {
  const child = fork(join(import.meta.dirname, '../start.js'), args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let complaint = '';
  child.stderr?.on('data', (chunk) => {
    complaint += chunk;
  });
  const exited = once(child, 'exit');
  const steps = await Promise.race([
    once(child, 'message').then(([message]) => message as Step[]),
    exited.then(() => undefined),
  ]);
  if (steps === undefined) throw new Error(complaint.trimEnd());
  return {
    steps,
    async stop() {
      child.kill('SIGINT');
      await exited;
    },
  };
}
