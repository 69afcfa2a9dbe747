import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keepLogs } from './start-logs.js';

let folder: string;
let paths: { errorLogPath: string; pluginLogPath: string };
const kept: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kong-'));
  paths = { errorLogPath: join(folder, 'error.log'), pluginLogPath: join(folder, 'plugin-servers.log') };
  writeFileSync(paths.errorLogPath, "[notice] external pluginserver 'x' terminated: exit 1\n[notice] signal\n");
});
afterEach(() => {
  for (const path of [folder, ...kept.splice(0)]) rmSync(path, { recursive: true, force: true });
});

function keep(): string {
  const said = keepLogs(paths);
  kept.push(said.slice(said.lastIndexOf(' ') + 1));
  return said;
}

it("says the plugin server's last line, and keeps both logs", () => {
  writeFileSync(paths.pluginLogPath, 'first\nlisten EACCES: permission denied\n');
  const said = keep();
  expect(said).toMatch(/^the plugin server's last line: listen EACCES: permission denied; logs are kept in \//);
  rmSync(folder, { recursive: true });
  expect(readFileSync(join(kept[0] ?? '', 'plugin-servers.log'), 'utf8')).toContain('first');
  expect(existsSync(join(kept[0] ?? '', 'error.log'))).toBe(true);
});

it('says what Kong knows of a plugin server that wrote nothing', () => {
  expect(keep()).toContain("Kong's log: [notice] external pluginserver 'x' terminated: exit 1;");
  appendFileSync(paths.errorLogPath, '[crit] unable to open: Permission denied\n[alert] worker exited\n');
  expect(keep()).toContain("Kong's log: [crit] unable to open: Permission denied;");
});
