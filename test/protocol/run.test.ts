/** `kong-genesys-cloud run`: plugin servers beside a Kong, which is played by a process that says what it is told. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { deafSockets } from '../../kong/install/readiness.js';
import { processesServing } from '../../kong/testbed/native-kong.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { waitFor } from '../../kong/testbed/wait-for.js';

const COMMAND = join(ROOT, 'dist/bin/kong-genesys-cloud.js');
/** Says which signals it gets, and that it has ended, a while after the signal to quit. */
const KONG = `
  const say = (word) => process.stdout.write(word + '\\n');
  process.on('SIGHUP', () => say('reload'));
  process.on('SIGQUIT', () => setTimeout(() => { say('has quit'); process.exit(7); }, 300));
  setInterval(() => {}, 1000);
  say(require('node:fs').existsSync(process.argv[1].slice(3)) ? 'up' : 'too early');
`;

let folder: string;
let socket: string;
let child: ChildProcess | undefined;
let output: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'run-'));
  socket = join(folder, 'genesys-quota.socket');
  output = '';
});
afterEach(async () => {
  if (child?.exitCode === null) child.kill('SIGTERM');
  await waitFor('the end', () => child === undefined || child.exitCode !== null || child.signalCode !== null);
  rmSync(folder, { recursive: true });
});

function write(lines: Record<string, string> = {}): string {
  const conf = join(folder, 'kong.conf');
  const quota = `${process.execPath} ${ROOT}/dist/bin/genesys-quota.js --socket ${socket} --dump`;
  const settings = {
    pluginserver_names: 'genesys-quota,go-hello',
    pluginserver_genesys_quota_socket: socket,
    pluginserver_genesys_quota_query_cmd: quota,
    pluginserver_go_hello_socket: '/nowhere/go-hello.socket',
    pluginserver_go_hello_query_cmd: '/usr/local/bin/go-hello -dump',
    ...lines,
  };
  writeFileSync(
    conf,
    `# Kong\n${Object.entries(settings)
      .map(([name, value]) => `${name} = ${value}\n`)
      .join('')}`,
  );
  return conf;
}

function start(args: string[], env: Record<string, string> = {}): Promise<number | null> {
  child = spawn(process.execPath, [COMMAND, 'run', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
  return new Promise((resolve) => child?.once('close', (code) => resolve(code)));
}
const kong = (): string[] => ['--', process.execPath, '-e', KONG, `at:${socket}`];
const printed = (what: string) => waitFor(what, () => output.includes(what));

it('starts the plugin servers, then Kong; ends Kong first, and with its exit code', async () => {
  const ended = start(['--conf', write(), ...kong()]);
  await printed('up\n');
  expect(await deafSockets([socket])).toEqual([]);
  child?.kill('SIGHUP');
  await printed('reload\n');
  child?.kill('SIGQUIT');
  expect(await ended).toBe(7);
  expect(output).toMatch(/has quit\n.*SIGTERM: finishing what has begun\n$/);
  expect([existsSync(socket), processesServing(socket)]).toEqual([false, []]);
});

it('starts another plugin server when one has ended', async () => {
  const ended = start(['--conf', write(), ...kong()]);
  await printed('up\n');
  const [first] = processesServing(socket);
  process.kill(Number(first), 'SIGKILL');
  await waitFor('another one', async () => {
    const [next] = processesServing(socket);
    return next !== undefined && next !== first && (await deafSockets([socket])).length === 0;
  });
  child?.kill('SIGQUIT');
  expect(await ended).toBe(7);
});

it('without a command runs the plugin servers alone, with the variables of the environment before the file', async () => {
  const moved = join(folder, 'moved.socket');
  const query = `${process.execPath} ${ROOT}/dist/bin/genesys-quota.js --socket ${moved} --dump`;
  const ended = start(['--conf', write()], {
    KONG_PLUGINSERVER_GENESYS_QUOTA_SOCKET: moved,
    KONG_PLUGINSERVER_GENESYS_QUOTA_QUERY_CMD: query,
  });
  await waitFor('the plugin server', async () => (await deafSockets([moved])).length === 0);
  child?.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(processesServing(moved)).toEqual([]);
});

it('leaves those to Kong that Kong starts', async () => {
  const conf = write({ pluginserver_genesys_quota_start_cmd: '/bin/true' });
  const ended = start(['--conf', conf, ...kong()]);
  await printed('too early\n');
  expect(processesServing(socket)).toEqual([]);
  child?.kill('SIGQUIT');
  expect(await ended).toBe(7);
  expect(await start(['--conf', conf])).toBe(1);
  expect(output).toContain('kong-genesys-cloud: no plugin server to start: ');
});

it('leaves those to another container that has them', async () => {
  const ended = start(['--conf', write(), ...kong()], { GENESYS_PLUGIN_SERVERS: 'elsewhere' });
  await printed('too early\n');
  expect(processesServing(socket)).toEqual([]);
  child?.kill('SIGQUIT');
  expect(await ended).toBe(7);
});

it('says what is wrong, and starts no Kong, if a plugin server cannot listen', async () => {
  const missing = join(folder, 'missing/s');
  const query = `${process.execPath} ${ROOT}/dist/bin/genesys-quota.js --socket ${missing} --dump`;
  const lines = { pluginserver_genesys_quota_socket: missing, pluginserver_genesys_quota_query_cmd: query };
  expect(await start(['--conf', write(lines), ...kong()])).toBe(1);
  expect(output).toContain(`cannot listen on ${missing}`);
  expect(output).toContain(`kong-genesys-cloud: the plugin server ended before it listened on ${missing}\n`);
  expect(output).not.toContain('up\n');
});

it('says so if Kong cannot be started, and leaves no plugin server', async () => {
  expect(await start(['--conf', write(), '--', '/nowhere/kong'])).toBe(1);
  expect(output).toContain('kong-genesys-cloud: /nowhere/kong cannot be started: ');
  expect(processesServing(socket)).toEqual([]);
});
