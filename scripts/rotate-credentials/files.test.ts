import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../../kong/testbed/plugin-server.js';

it('puts no file in place that was written in part', () => {
  const folder = mkdtempSync(join(tmpdir(), 'files-'));
  try {
    const path = join(folder, 'f');
    writeFileSync(path, 'old');
    const module = join(ROOT, 'dist/scripts/rotate-credentials/files.js');
    // A limit on the size of files is a disk that is full, for one process.
    const code = `process.on('SIGXFSZ', () => {}); (await import(${JSON.stringify(module)})).replaceFile(${JSON.stringify(path)}, 'x'.repeat(3000))`;
    const { stderr } = spawnSync('/bin/sh', [
      '-c',
      `ulimit -f 2; exec "$0" --input-type=module -e "$1"`,
      process.execPath,
      code,
    ]);
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(stderr.toString()).toContain('EFBIG');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
