import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { takeLock } from './lock.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('excludes a second holder until the first gives it back', () => {
  const release = takeLock(folder);
  expect(() => takeLock(folder)).toThrow(/another rotation holds .* \(process \d+ on /);
  release();
  takeLock(folder)();
  expect(readdirSync(folder)).toHaveLength(1);
});

it('is taken over from a process that was killed, and not from one that lives', async () => {
  const { pid: dead } = spawnSync('true');
  const holder = (pid: number, changes = {}) =>
    JSON.stringify({ nonce: 'n', host: hostname(), pid, startedAt: '', released: false, ...changes });
  writeFileSync(join(folder, 'lock.7'), holder(dead));
  takeLock(folder)();
  expect(readdirSync(folder)).toEqual(['lock.8']);

  const child = spawn('sleep', ['60']);
  await once(child, 'spawn');
  writeFileSync(join(folder, 'lock.9'), holder(child.pid ?? 0));
  expect(() => takeLock(folder)).toThrow(/another rotation/);
  child.kill('SIGKILL');
  await once(child, 'exit');
  takeLock(folder)();
});

it('is not taken over from another machine, of whose processes nothing is known', () => {
  writeFileSync(
    join(folder, 'lock.1'),
    JSON.stringify({ nonce: 'n', host: 'elsewhere', pid: 1, startedAt: '', released: false }),
  );
  expect(() => takeLock(folder)).toThrow(/on elsewhere/);
});
