/** The workflows of the code host: what actionlint says of them, where it is installed, and actions that cannot change. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runs } from '../kong/testbed/runs.js';
import { unless } from '../kong/testbed/unless.js';

const FOLDER = resolve(import.meta.dirname, '../.github/workflows');
const FILES = readdirSync(FOLDER).map((file) => join(FOLDER, file));
const MISSING = runs('actionlint', '-version') ? undefined : 'no actionlint';

it('actionlint finds nothing', unless(MISSING), () => {
  // Without the tools that it would call for scripts, which differ from machine to machine.
  const { stdout, status } = spawnSync('actionlint', ['-no-color', '-shellcheck=', '-pyflakes=', ...FILES], {
    encoding: 'utf8',
  });
  expect([stdout, status]).toEqual(['', 0]);
});

it('actions are named by commit', () => {
  const actions = FILES.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/uses: (\S+)/g)].map(([, action = '']) => action),
  );
  expect(actions.length).toBeGreaterThan(10);
  expect(actions.filter((action) => !/@[0-9a-f]{40}$/.test(action))).toEqual([]);
});
