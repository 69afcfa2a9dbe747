/** Secrets in files: what may be read, what is refused, and how changes are followed, as Kubernetes makes them. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { unless } from '../../kong/testbed/unless.js';
import { openSecret } from './secret.js';

let root: string;
let dir: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'secrets-'));
  dir = join(root, 'allowed');
  mkdirSync(dir);
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
});

const open = (value: string, secretsDirs = [dir]) => openSecret('client_secret', value, { secretsDirs });

/** The clock that decides when a file is looked at again. */
let nowMs = 0;
function later(ms: number): void {
  nowMs += ms;
}

function put(name: string, content: string | Buffer): string {
  const file = join(dir, name);
  writeFileSync(file, content);
  return file;
}

describe('a literal secret', () => {
  it.each(['', ' \n', '{vault://env/x}', ' {vault://hcv/a?b=c} '])('is refused as %j', (value) => {
    expect(() => open(value)).toThrow(/^config\.client_secret is (empty|a vault reference that was not resolved)$/);
  });

  it('is what was configured', () => {
    expect(open(' the-secret ').current()).toBe(' the-secret ');
  });
});

describe('a secret in a file', () => {
  it.each([
    ['the-secret', 'the-secret'],
    ['the-secret\n', 'the-secret'],
    ['the-secret\r\n', 'the-secret'],
    [' two\nlines\n\n', ' two\nlines\n'],
  ])('%j is read as %j', (content, value) => {
    expect(open(`file:${put('s', content)}`).current()).toBe(value);
  });

  it('is refused where the process allows no folder, is relative, or is not there, and the error names it', () => {
    const file = put('s', 'the-secret');
    expect(() => open(`file:${file}`, [])).toThrow(`client_secret is the file "${file}", which cannot be used`);
    expect(() => open('file:s')).toThrow('which is not an absolute path');
    expect(() => open(`file:${dir}/none`)).toThrow(`"${dir}/none", which cannot be read (ENOENT)`);
    expect(() => open(`file:${file}`, [join(root, 'none')])).toThrow('cannot be read (ENOENT)');
  });

  it.each([
    ['beside the folder', () => join(root, 'outside')],
    ['above it', () => `${dir}/../outside`],
    ['in a folder whose name begins alike', () => join(root, 'allowed-too', 's')],
    ['behind a link that leads out', () => join(dir, 'link')],
  ])('is refused %s', (_, path) => {
    writeFileSync(join(root, 'outside'), 'the-secret');
    mkdirSync(join(root, 'allowed-too'));
    writeFileSync(join(root, 'allowed-too', 's'), 'the-secret');
    symlinkSync(join(root, 'outside'), join(dir, 'link'));
    expect(() => open(`file:${path()}`)).toThrow('does not lie below a folder named by --secrets-dir');
  });

  it('is refused if it is a folder or a pipe, too large, empty, or not UTF-8', () => {
    mkdirSync(join(dir, 'folder'));
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    expect(() => open(`file:${dir}/folder`)).toThrow('is not a regular file');
    expect(() => open(`file:${dir}/pipe`)).toThrow('is not a regular file');
    expect(open(`file:${put('limit', 'x'.repeat(65_536))}`).current()).toHaveLength(65_536);
    expect(() => open(`file:${put('large', 'x'.repeat(65_537))}`)).toThrow('is larger than 65536 bytes');
    expect(() => open(`file:${put('empty', '\n')}`)).toThrow('is empty');
    expect(() => open(`file:${put('latin1', Buffer.from([0xe4]))}`)).toThrow('is not UTF-8');
  });

  it('is read whole if the system does not know its size, as of a file that is just being written', () => {
    expect(open('file:/proc/sys/kernel/ostype', ['/proc/sys']).current()).toBe('Linux');
  });

  it.each(['before', 'after'])('is read where another folder, named %s its own, is not there', (place) => {
    const missing = join(root, 'none');
    const dirs = place === 'before' ? [missing, dir] : [dir, missing];
    expect(open(`file:${put('s', 'the-secret')}`, dirs).current()).toBe('the-secret');
  });

  it('is read again a second later, and not before', () => {
    const secret = open(`file:${put('s', 'old')}`);
    put('s', 'new!');
    expect(secret.current()).toBe('old');
    later(999);
    expect(secret.current()).toBe('old');
    later(1001);
    expect(secret.current()).toBe('new!');
  });

  it("follows Kubernetes' swap of a link, and keeps the old value while a new one cannot be read, told once", () => {
    for (const version of ['v1', 'v2']) {
      mkdirSync(join(dir, `..${version}`));
      writeFileSync(join(dir, `..${version}`, 'secret'), version);
    }
    symlinkSync('..v1', join(dir, '..data'));
    symlinkSync('..data/secret', join(dir, 'secret'));
    const secret = open(`file:${dir}/secret`);
    expect(secret.current()).toBe('v1');

    symlinkSync('..v2', join(dir, '..data_tmp'));
    renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
    later(1001);
    expect(secret.current()).toBe('v2');

    unlinkSync(join(dir, '..data'));
    later(1001);
    expect(secret.current()).toBe('v2');
    expect(secret.takeWarning()).toBe(
      `config.client_secret is the file "${dir}/secret", which cannot be read (ENOENT); the value read before stays in use`,
    );
    later(1001);
    secret.current();
    expect(secret.takeWarning()).toBeUndefined();

    symlinkSync('..v1', join(dir, '..data'));
    later(1001);
    expect(secret.current()).toBe('v1');
  });

  it('is not replaced by a link that now leads out of the folder', () => {
    const secret = open(`file:${put('s', 'good')}`);
    writeFileSync(join(root, 'outside'), 'stolen');
    unlinkSync(join(dir, 's'));
    symlinkSync(join(root, 'outside'), join(dir, 's'));
    later(1001);
    expect(secret.current()).toBe('good');
    expect(secret.takeWarning()).toContain('does not lie below');
  });

  it('is not replaced by a value that does not fit', () => {
    const faultOf = (value: string) => (value.includes('\n') ? 'holds a line break' : undefined);
    const file = put('s', 'good');
    const secret = openSecret('secret', `file:${file}`, { secretsDirs: [dir] }, faultOf);
    put('s', 'evil\nheader: x');
    later(1001);
    expect(secret.current()).toBe('good');
    expect(secret.takeWarning()).toContain('which holds a line break');
    expect(() => openSecret('secret', 'a\nb', { secretsDirs: [] }, faultOf)).toThrow(
      'config.secret holds a line break',
    );
  });

  it('that may not be read is named', unless(process.getuid?.() === 0 ? 'root may read every file' : undefined), () => {
    const file = put('s', 'x');
    chmodSync(file, 0);
    expect(() => open(`file:${file}`)).toThrow('cannot be read (EACCES)');
  });
});
