/** A headless Chromium that opens one page. Debian's `chromium`, or what CHROMIUM names. It reaches this machine only. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runs } from '../../kong/testbed/runs.js';

const COMMAND = process.env.CHROMIUM ?? 'chromium';

export const CHROMIUM_MISSING = runs(COMMAND, '--version') ? undefined : `no ${COMMAND}`;

/** No sandbox, since tests run as root in containers. No name is resolved, and nothing is fetched unasked. */
const FLAGS = [
  ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-default-apps'],
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

/** Opens a page. @returns what ends the browser */
export function openPage(url: string): { close(): Promise<void> } {
  const profile = mkdtempSync(join(tmpdir(), 'chromium-'));
  // A group of its own, since Chromium is several processes.
  const browser = spawn(COMMAND, [...FLAGS, `--user-data-dir=${profile}`, url], { stdio: 'ignore', detached: true });
  const exited = new Promise<void>((resolve) => browser.once('exit', () => resolve()));
  return {
    async close() {
      if (browser.pid !== undefined && browser.exitCode === null) process.kill(-browser.pid, 'SIGKILL');
      await exited;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
