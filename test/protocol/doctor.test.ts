/** What `kong-genesys-cloud doctor` says of the processes that Kong starts, and of the sockets they leave. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { doctor } from '../../kong/install/doctor/command.js';
import type { Finding } from '../../kong/install/doctor/finding.js';
import { startPluginServer } from '../../kong/testbed/plugin-server.js';
import { listClients } from '../../plugins/genesys-token-manager/try-login.js';

const prefix = mkdtempSync(join(tmpdir(), 'doctor-'));
const socket = join(prefix, 'genesys-plugins.socket');
afterAll(() => rmSync(prefix, { recursive: true, force: true }));

async function examine(...args: string[]): Promise<{ of: (check: string) => Finding[]; exitCode: number }> {
  const command = ['--prefix', prefix, '--kong-bin', join(prefix, 'kong'), '--format', 'json', ...args];
  const { text, exitCode } = await doctor(command, { env: {}, listClients });
  const { findings } = JSON.parse(text) as { findings: Finding[] };
  return { of: (check) => findings.filter((finding) => finding.check === check), exitCode };
}

it('a process that answers is ok; one that is stopped, or was killed, is told with its last words', async () => {
  const server = await startPluginServer('bin/genesys-plugins.js', [], socket);
  const log = join(prefix, 'plugin-servers.log');
  writeFileSync(log, `${server.output()}out of memory\n\n`);
  try {
    expect((await examine()).of('plugin server')).toMatchObject([{ level: 'ok' }]);
    server.process.kill('SIGSTOP');
    const stopped = await examine('--log', log);
    expect(stopped.of('plugin server')).toMatchObject([
      { level: 'fail', what: `nobody answers on ${socket}; last words: out of memory` },
    ]);
    expect(stopped.exitCode).toBe(1);
    server.process.kill('SIGCONT');
    server.process.kill('SIGKILL');
    await server.exited;
    expect((await examine()).of('plugin server')).toMatchObject([{ level: 'fail' }]);
  } finally {
    server.process.kill('SIGKILL');
    await server.exited;
    rmSync(socket, { force: true });
  }
});

it('what is no plugin server does not pass for one', async () => {
  writeFileSync(socket, '');
  expect((await examine()).of('plugin server')).toMatchObject([{ what: `${socket} is not a socket` }]);
  rmSync(socket);
  const silent = createServer(
    (connection) =>
      void connection
        .on('error', () => undefined)
        .resume()
        .end('HTTP/1.1 400\r\n\r\n'),
  );
  await new Promise<void>((resolve) => silent.listen(socket, resolve));
  try {
    expect((await examine()).of('plugin server')).toMatchObject([{ level: 'fail' }]);
  } finally {
    await new Promise((resolve) => silent.close(resolve));
    rmSync(socket, { force: true });
  }
});

it('a prefix that is not there is skipped', async () => {
  const { of, exitCode } = await examine('--prefix', join(prefix, 'gone'));
  expect(of('plugin server')).toMatchObject([{ level: 'skip' }]);
  expect(exitCode).toBe(0);
});

it('reads no more of a log than its end, and nothing of a pipe', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  server.on('connection', (connection) => void connection.on('error', () => undefined).destroy());
  const log = join(prefix, 'long.log');
  writeFileSync(log, `${'x'.repeat(200_000)}\nthe end \x1b[31m\u0000\n`);
  chmodSync(log, 0o600);
  try {
    const [finding] = (await examine('--log', log)).of('plugin server');
    expect(finding?.what).toMatch(/last words: the end {2}\[31m $/);
    expect(readFileSync(log).length).toBeGreaterThan(200_000);
    const pipe = join(prefix, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect((await examine('--log', pipe)).of('plugin server')).toMatchObject([{ level: 'fail' }]);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
