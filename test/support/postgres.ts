/** A real PostgreSQL for tests: a cluster of its own in a temporary folder, on a free loopback port. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../kong/testbed/free-port.js';
import { waitFor } from '../../kong/testbed/wait-for.js';

export interface Postgres {
  port: number;
  user: string;
  stop(): Promise<void>;
}

const run = promisify(execFile);
const BIN = findBinaries();
/** PostgreSQL does not run as root; Debian's package brings this user. */
const OWNER = process.getuid?.() === 0 ? userIds('postgres') : undefined;

/** Undefined if PostgreSQL is there; else why its tests are skipped. */
export const POSTGRES_MISSING =
  BIN === undefined
    ? 'no PostgreSQL (initdb and postgres beside pg_ctl)'
    : OWNER === null
      ? 'PostgreSQL does not run as root, and there is no user postgres'
      : undefined;

/** Starts an empty cluster; whoever reaches the port is trusted. */
export async function startPostgres(): Promise<Postgres> {
  if (BIN === undefined || OWNER === null) throw new Error(POSTGRES_MISSING);
  const user = 'kong';
  const folder = mkdtempSync(join(tmpdir(), 'postgres-'));
  if (OWNER !== undefined) chownSync(folder, OWNER.uid, OWNER.gid);
  const options = { ...OWNER, cwd: folder };
  await run(join(BIN, 'initdb'), ['-D', folder, '-U', user, '--auth=trust', '--no-sync', '-E', 'UTF8'], options);
  const port = await freePort();
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', 'shared_buffers=16MB'];
  const child = spawn(
    join(BIN, 'postgres'),
    ['-D', folder, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    { ...options, stdio: 'ignore' },
  );
  await waitFor('PostgreSQL answers', () => answers(join(BIN, 'pg_isready'), port), 60_000);
  return {
    port,
    user,
    async stop() {
      // Fast shutdown: open connections are ended.
      child.kill('SIGINT');
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Debian keeps the server's programs beside no others, so pg_ctl may be the only one on PATH. */
function findBinaries(): string | undefined {
  const onPath = (process.env.PATH ?? '').split(':').map((folder) => join(folder, 'pg_ctl'));
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort().reverse() : [];
  const folders = [
    ...onPath.filter((file) => existsSync(file)).map((file) => dirname(realpathSync(file))),
    ...versions.map((version) => join(debian, version, 'bin')),
  ];
  return folders.find((folder) => ['initdb', 'postgres', 'pg_isready'].every((name) => existsSync(join(folder, name))));
}

function userIds(name: string): { uid: number; gid: number } | null {
  try {
    const id = (option: string): number => Number(execFileSync('id', [option, name], { encoding: 'utf8' }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return null;
  }
}

async function answers(pgIsReady: string, port: number): Promise<boolean> {
  try {
    await run(pgIsReady, ['-h', '127.0.0.1', '-p', String(port)]);
    return true;
  } catch {
    return false;
  }
}

async function ended(child: ChildProcess): Promise<void> {
  await waitFor('PostgreSQL to end', () => child.exitCode !== null || child.signalCode !== null, 30_000);
}
