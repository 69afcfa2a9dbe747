/** Whether Kong's workers may reach sockets and write logs. Pure: the facts come from gather-files.ts. */
import { type Finding, fail, ok, skip, warn } from './finding.js';

/** Whom nginx' workers run as. They start the plugin servers too. */
export interface User {
  uid: number;
  /** All groups, the first among them. */
  gids: readonly number[];
  /** For people: a name, or the number. */
  name: string;
}

/** A file or folder. */
export interface Node {
  path: string;
  kind: 'folder' | 'socket' | 'file' | 'other';
  uid: number;
  gid: number;
  /** The permission bits. */
  mode: number;
}

/** A path as far as it exists. */
export interface PathFacts {
  path: string;
  /** What is there, from the root on; the last one is the path itself unless `missing`. */
  chain: readonly Node[];
  /** The code of why it could not be looked at to its end; undefined: it could. */
  missing?: string;
}

export interface SocketFacts extends PathFacts {
  /** Whether a plugin server answered a question there. */
  answers: boolean;
}

const BITS = { read: 4, write: 2, search: 1 } as const;

/** Returns whether the permission bits let a user do it. Access lists and read-only file systems are not seen. */
export function may(
  user: User,
  { uid, gid, mode }: Pick<Node, 'uid' | 'gid' | 'mode'>,
  what: keyof typeof BITS,
): boolean {
  if (user.uid === 0) return true;
  const shift = uid === user.uid ? 6 : user.gids.includes(gid) ? 3 : 0;
  return ((mode >> shift) & BITS[what]) !== 0;
}

/** Judges the plugin servers' sockets. @param lastWords what the plugin servers, or Kong about them, printed last */
export function judgeSocket(socket: SocketFacts, user: User | undefined, lastWords: string | undefined): Finding {
  const check = 'plugin server';
  const { path, answers } = socket;
  const last = lastWords === undefined ? '' : `; last words: ${lastWords}`;
  if (socket.missing !== undefined) {
    return fail(
      check,
      `${path}: ${socket.missing}${last}`,
      'start Kong, with the lines that kong-genesys-cloud prints',
    );
  }
  const node = socket.chain.at(-1);
  if (node === undefined || node.kind !== 'socket')
    return fail(check, `${path} is not a socket`, 'remove it and restart Kong');
  if (!answers) {
    const fix = 'look at what it prints (kong-genesys-cloud --log FILE), and restart Kong';
    return fail(check, `nobody answers on ${path}${last}`, fix);
  }
  const closed = user && firstClosed(socket.chain, user, 'write');
  if (user !== undefined && closed !== undefined) {
    return fail(
      check,
      `${path} answers, but Kong's workers (${user.name}) may not use it: ${described(closed)}`,
      `give ${closed.path} to ${user.name}, or start Kong as the user that it runs as`,
    );
  }
  if ((node.mode & 0o002) !== 0 && socket.chain.slice(0, -1).every(({ mode }) => (mode & 0o001) !== 0)) {
    return warn(
      check,
      `${path} answers, and everybody on this machine may use it: ${described(node)}`,
      `chmod o-w ${path}`,
    );
  }
  return ok(check, `${path} answers (${described(node)})`);
}

/** Judges a folder in which Kong's workers make sockets or files. @param check such as `audit log` */
export function judgeFolder(check: string, folder: PathFacts, user: User | undefined): Finding {
  const { path, chain, missing } = folder;
  if (missing !== undefined) {
    const fix = missing === 'ENOENT' ? `make it, for Kong's user` : 'run the doctor as root';
    return missing === 'ENOENT' ? fail(check, `${path} does not exist`, fix) : skip(check, `${path}: ${missing}`, fix);
  }
  const node = chain.at(-1);
  if (node === undefined || node.kind !== 'folder') return fail(check, `${path} is not a folder`, 'name another one');
  if (user === undefined) return skip(check, `who may write to ${path} (${described(node)}): Kong does not run here`);
  const closed = firstClosed(chain, user, 'write');
  if (closed !== undefined) {
    return fail(
      check,
      `Kong's workers (${user.name}) may not write to ${path}: ${described(closed)}`,
      `chown ${user.name} ${closed.path}, or name a folder of ${user.name}`,
    );
  }
  if ((node.mode & 0o1002) === 0o002) {
    return warn(check, `everybody may replace what is in ${path} (${described(node)})`, `chmod o-w ${path}`);
  }
  return ok(check, `${path} is writable for Kong's workers (${user.name})`);
}

/** Judges a log file that is there, or the folder where it will be. */
export function judgeLogFile(check: string, file: PathFacts, folder: PathFacts, user: User | undefined): Finding {
  const node = file.missing === undefined ? file.chain.at(-1) : undefined;
  // A plugin server makes the file, also after it was rotated away, so its folder matters too.
  const ofFolder = judgeFolder(check, folder, user);
  if (node === undefined || ofFolder.level === 'fail' || user === undefined) return ofFolder;
  if (node.kind !== 'file') return ok(check, `${file.path} is no regular file`);
  if (!may(user, node, 'write')) {
    const fix = `chown ${user.name} ${file.path}`;
    return fail(check, `Kong's workers (${user.name}) may not write ${file.path}: ${described(node)}`, fix);
  }
  if ((node.mode & 0o006) !== 0) {
    return warn(check, `${file.path} is open to everybody (${described(node)})`, `chmod o-rw ${file.path}`);
  }
  return ofFolder.level === 'ok' ? ok(check, `${file.path} is writable for ${user.name}`) : ofFolder;
}

/** Returns the first folder that cannot be entered, or the end of the path if it does not allow what is asked. */
function firstClosed(chain: readonly Node[], user: User, what: keyof typeof BITS): Node | undefined {
  return chain.find((node, index) => {
    const ofEnd = index === chain.length - 1 ? [what] : [];
    const needed = node.kind === 'folder' ? (['search', ...ofEnd] as const) : ofEnd;
    return !needed.every((one) => may(user, node, one));
  });
}

function described({ path, uid, gid, mode }: Node): string {
  return `${path} is of ${uid}:${gid}, mode ${(mode & 0o7777).toString(8).padStart(4, '0')}`;
}
