/** What Node aborts a process for, a process that has no file descriptor left to watch the clock with survives. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ROOT } from '../../kong/testbed/plugin-server.js';

it('runs nothing that it cannot stop', async () => {
  const script = `
    import { openSync } from 'node:fs';
    import { runWithin } from '${join(ROOT, 'dist/plugins/genesys-pii-log/mask/time-limit.js')}';
    const results = [runWithin(1000, () => 'before')];
    try { for (;;) openSync('/dev/null'); } catch {}
    results.push(runWithin(1000, () => 'after'));
    console.log(JSON.stringify(results));
  `;
  const command = 'ulimit -n 100; exec "$0" --input-type=module --eval "$1"';
  const { stdout } = await promisify(execFile)('sh', ['-c', command, process.execPath, script]);
  expect(JSON.parse(stdout)).toEqual([{ result: 'before' }, null]);
});
