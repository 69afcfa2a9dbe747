/** Every command says how it is used, and that Node is too old before anything that an old Node cannot read. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { nodeFault } from '../../kong/node-version.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';

const run = promisify(execFile);
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  bin: Record<string, string>;
  scripts: Record<string, string>;
  engines: { node: string };
};
const BINS = Object.values(manifest.bin);
/** Those of package.json that run something of ours; the others are those of tsc, vitest, Biome and npm. */
const SCRIPTS = Object.values(manifest.scripts).flatMap((script) => /^node (dist\/.+)$/.exec(script)?.[1] ?? []);

const folder = mkdtempSync(join(tmpdir(), 'commands-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Makes Node say that it is another version. */
function preload(version: string): string {
  const path = join(folder, `node-${version}.cjs`);
  writeFileSync(
    path,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`,
  );
  return path;
}

describe('--help', () => {
  it.each([...BINS, ...SCRIPTS])('is answered by %s', async (command) => {
    const { stdout, stderr } = await run(process.execPath, [...command.split(' '), '--help'], { cwd: ROOT });
    expect(stdout).toMatch(/^usage: /);
    expect(stderr).toBe('');
  });
});

describe('an old Node', () => {
  it.each([
    ['18.20.8', true],
    ['20.18.3', true],
    ['20.19.0', false],
    ['22.0.0', false],
  ])('%s: %s', (version, isOld) => {
    expect(nodeFault(version) !== undefined).toBe(isOld);
  });

  it.each([...BINS, 'scripts/check-node.js'])('is told in one line by %s', async (command) => {
    const started = run(process.execPath, ['--require', preload('18.20.8'), join(ROOT, command), '--help']);
    const { code, stderr } = await started.then(
      () => ({ code: 0, stderr: '' }),
      (error: { code: number; stderr: string }) => error,
    );
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `Node 20.19 or newer is needed; this is 18.20.8 (${process.execPath})\n`,
    });
  });

  it('need not read anything before that: all else is imported later', () => {
    for (const command of BINS) {
      const text = readFileSync(join(ROOT, command), 'utf8');
      const imports = [...text.matchAll(/^import .*'(.+)';$/gm)].map(([, name]) => name);
      expect(imports[0]).toBe('../kong/node-version.js');
      expect(imports.slice(1).filter((name) => !name?.startsWith('node:'))).toEqual([]);
    }
    expect(manifest.scripts.build).toMatch(/^node scripts\/check-node\.js && /);
    expect(manifest.engines.node).toBe('>=20.19');
  });
});
