/** Reads what the file system and /proc tell of a running Kong. Changes nothing. */
import { closeSync, fstatSync, lstatSync, openSync, readdirSync, readFileSync, readSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode } from '../../../plugins/shared/error-code.js';
import type { Node, PathFacts, User } from './files.js';

/** So much of a log's end is read. */
const TAIL_BYTES = 65_536;
/** The sockets that `kong-genesys-cloud` names. */
const SOCKET_NAME = /^genesys-[\w-]+\.socket$/;
/** What of Kong's error log is about plugin servers: what Kong says of them, and what they say. */
const ABOUT_PLUGIN_SERVERS = /pluginserver|genesys-[\w-]+/;
/** Kong says so at each try, also of one that ends at once. */
const STARTS = /\[pluginserver\] start/;

/** Looks at a path and the folders above it. */
export function lookAt(path: string): PathFacts {
  const chain: Node[] = [];
  try {
    // Where links lead counts: nobody needs permission on a link.
    const target = realpathSync(path);
    for (const step of stepsOf(target)) chain.push(nodeAt(step));
    return { path, chain };
  } catch (error) {
    return { path, chain, missing: errorCode(error) };
  }
}

/** Lists the plugin servers' sockets in Kong's prefix; undefined if the prefix cannot be read. */
export function socketsIn(prefix: string): string[] | undefined {
  try {
    return readdirSync(prefix)
      .filter((name) => SOCKET_NAME.test(name))
      .map((name) => join(prefix, name));
  } catch {
    return undefined;
  }
}

/** Returns whom nginx' workers run as; undefined if Kong does not run with this prefix, or this cannot be seen. */
export function workerUser(prefix: string): User | undefined {
  try {
    const master = readFileSync(join(prefix, 'pids', 'nginx.pid'), 'utf8').trim();
    const children = readFileSync(`/proc/${master}/task/${master}/children`, 'utf8').trim().split(' ');
    const worker = children.find((pid) => titleOf(pid).startsWith('nginx: worker'));
    if (worker === undefined) return undefined;
    const status = readFileSync(`/proc/${worker}/status`, 'utf8');
    const idsOf = (field: string): number[] =>
      (new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '').split(/\s+/).filter(Boolean).map(Number);
    // Real, effective, saved, file system: the effective one counts.
    const uid = idsOf('Uid')[1];
    if (uid === undefined) return undefined;
    return { uid, gids: [...idsOf('Gid').slice(1, 2), ...idsOf('Groups')], name: userName(uid) };
  } catch {
    return undefined;
  }
}

/** Returns the last line that a plugin server printed, or that Kong logged about one; undefined if there is none. */
export function lastWords(prefix: string, log: string | undefined): string | undefined {
  const own = log === undefined ? undefined : tailOf(log).at(-1);
  if (own !== undefined) return own;
  // What follows is the client's: its address, the request line.
  return tailOf(join(prefix, 'logs', 'error.log'))
    .findLast((line) => ABOUT_PLUGIN_SERVERS.test(line) && !STARTS.test(line))
    ?.replace(/, (?:client|context): .*$/, '');
}

function titleOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function userName(uid: number): string {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.split(':')[2] === String(uid));
  return line?.split(':')[0] ?? String(uid);
}

function stepsOf(path: string): string[] {
  const above = dirname(path);
  return above === path ? [path] : [...stepsOf(above), path];
}

function nodeAt(path: string): Node {
  const stats = lstatSync(path);
  const kind = stats.isDirectory() ? 'folder' : stats.isSocket() ? 'socket' : stats.isFile() ? 'file' : 'other';
  return { path, kind, uid: stats.uid, gid: stats.gid, mode: stats.mode & 0o7777 };
}

function tailOf(file: string): string[] {
  try {
    // A pipe would be waited for without end.
    if (!lstatSync(realpathSync(file)).isFile()) return [];
    const descriptor = openSync(file, 'r');
    try {
      const { size } = fstatSync(descriptor);
      const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
      const length = readSync(descriptor, bytes, 0, bytes.length, size - bytes.length);
      return bytes
        .subarray(0, length)
        .toString('utf8')
        .split('\n')
        .filter((line) => line.trim() !== '');
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return [];
  }
}
