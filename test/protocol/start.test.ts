/** `npm start` as a process: what it says when it cannot start, your own file, and that Ctrl-C leaves nothing behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { processesThat } from '../../kong/testbed/processes.js';
import { waitFor } from '../../kong/testbed/wait-for.js';

const folder = mkdtempSync(join(tmpdir(), 'start-'));
const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts it with temporary files of its own. */
function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(ROOT, 'dist/scripts/start.js'), ...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, TMPDIR: folder, ...env },
  });
  running.add(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)));
  return {
    pid: child.pid ?? 0,
    text: () => text,
    interrupt: () => child.kill('SIGINT'),
    isUp: () => waitFor('Ctrl-C', () => text.includes('Ctrl-C stops all of it'), 30_000),
    async ended(): Promise<number | null> {
      if (child.exitCode === null) await once(child, 'close');
      return child.exitCode;
    },
  };
}

const FREE_PORTS = ['--port', '0', '--simulator-port', '0', '--page-port', '0'];
/** Processes that have the folder on their command line: the plugin servers. */
const left = (): number[] => processesThat((read) => read('cmdline').includes(folder));

describe('npm start', () => {
  it('leaves nothing behind after two Ctrl-Cs', async () => {
    const started = start(FREE_PORTS);
    await started.isUp();
    expect(left().length).toBeGreaterThan(0);
    started.interrupt();
    started.interrupt();
    expect(await started.ended()).toBe(0);
    expect(left()).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('has a page that shows what Genesys answered, what the client got and what the log wrote', async () => {
    const started = start(FREE_PORTS);
    await started.isUp();
    const url = /Gateway \(local.*\) +(\S+)/.exec(started.text())?.[1];
    const page = /^Page +(\S+)$/m.exec(started.text())?.[1];
    const response = await fetch(`${url}/directory?pageSize=2`, { headers: { apikey: 'demo-key' } });
    const body = await response.text();
    const path = `requests/${response.headers.get('x-kong-request-id')}`;
    const details = await waitFor('the log', async () => {
      const found = (await (await fetch(`${page}${path}`)).json()) as Record<string, { body: string }> & {
        log: string;
      };
      return found.log !== null && found;
    });
    expect(details.client?.body).toBe(body);
    expect(details.service?.body).toContain('"division"');
    expect(body).not.toContain('"division"');
    expect(details.log).toContain('"genesys-cloud-directory"');
    expect(details.log).not.toContain('@');
    const { tokens } = (await (await fetch(`${page}tokens`)).json()) as { tokens: { token: { uses: number } }[] };
    expect(tokens[0]?.token.uses).toBe(1);
    expect(await (await fetch(page ?? '')).text()).toContain('<!doctype html>');
    started.interrupt();
    expect(await started.ended()).toBe(0);
  });

  it('leaves nothing behind after a Ctrl-C before it is up', async () => {
    const started = start(FREE_PORTS);
    await waitFor('the simulator', () => started.text().includes('Genesys Cloud (simulator)'), 30_000);
    started.interrupt();
    expect(await started.ended()).toBe(0);
    expect(left()).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('runs your own file, with what your environment says', async () => {
    const file = join(folder, 'own.yml');
    const routes = '[{ name: own, paths: [/own], plugins: [{ name: genesys-token-manager, config: ';
    writeFileSync(
      file,
      `_format_version: "3.0"
services:
  - name: own
    url: http://127.0.0.1:9
    routes: ${routes}{ credential: bearer, secret: "{vault://env/own-secret}" } }] }]\n`,
    );
    const started = start([...FREE_PORTS, '--config', file], {
      GENESYS_CLIENT_ID: 'mine',
      OWN_SECRET: 'a-secret-of-mine',
    });
    await started.isUp();
    const url = /Gateway \(local.*\) +(\S+)/.exec(started.text())?.[1];
    expect((await fetch(`${url}/own`)).status).toBe(502);
    expect((await fetch(`${url}/api/v2/users`)).status).toBe(404);
    expect(started.text()).not.toMatch(/could not be resolved|simulator|a-secret/);
    started.interrupt();
    expect(await started.ended()).toBe(0);
    rmSync(file);
  });

  it.each<[string, string[], Record<string, string>, RegExp]>([
    ['an option that npm took', ['8080'], { npm_config_port: 'true' }, /^npm took --port .*put it behind --/],
    ['a file that is not there', ['--config', '/nowhere.yml'], {}, /^--config \/nowhere\.yml: ENOENT/],
    ['a file that is no configuration', ['--config', 'LICENSE'], {}, /^--config LICENSE: /],
    ['half of the credentials', [], { GENESYS_CLIENT_ID: 'x' }, /^GENESYS_CLIENT_SECRET and GENESYS_REGION must/],
  ])('says %s in one line', async (_what, args, env, expected) => {
    const started = start(args, env);
    expect(await started.ended()).toBe(1);
    expect(started.text()).toMatch(expected);
    expect(started.text().trimEnd().split('\n')).toHaveLength(1);
  });
});
