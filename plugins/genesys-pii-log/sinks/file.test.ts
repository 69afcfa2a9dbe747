/** Files: who may read them, where they may lie, and how rotation is followed. */
import { mkdir, mkdtemp, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { testLine } from '../testing/lines.js';
import { createFileTransport, createOutputTransport, faultOfLogPath } from './file.js';
import type { Transport } from './transport.js';

let dir: string;
let transports: Transport[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pii-log-'));
  transports = [];
});
afterEach(async () => {
  for (const transport of transports) transport.close();
  await rm(dir, { recursive: true });
});

function open(name: string): Transport {
  const transport = createFileTransport(join(dir, name), [dir]);
  transports.push(transport);
  return transport;
}

it('appends lines to a file that only its owner can read', async () => {
  const transport = open('a.log');
  await transport.send([testLine(1), testLine(2)]);
  await transport.send([testLine(3)]);
  expect(await readFile(join(dir, 'a.log'), 'utf8')).toBe('{"n":1}\n{"n":2}\n{"n":3}\n');
  expect((await stat(join(dir, 'a.log'))).mode & 0o777).toBe(0o600);
});

it('follows rotation, as logrotate does it', async () => {
  const transport = open('a.log');
  await transport.send([testLine(1)]);
  await rename(join(dir, 'a.log'), join(dir, 'a.log.1'));
  await transport.send([testLine(2)]);
  await rm(join(dir, 'a.log'));
  await transport.send([testLine(3)]);
  expect(await readFile(join(dir, 'a.log.1'), 'utf8')).toBe('{"n":1}\n');
  expect(await readFile(join(dir, 'a.log'), 'utf8')).toBe('{"n":3}\n');
});

it('follows no link, and writes into no folder', async () => {
  await symlink(join(dir, 'elsewhere'), join(dir, 'link.log'));
  await expect(open('link.log').send([testLine(1)])).rejects.toThrow('ELOOP');
  await mkdir(join(dir, 'folder'));
  await expect(open('folder').send([testLine(1)])).rejects.toThrow('EISDIR');
});

it('goes on when it can write again', async () => {
  await mkdir(join(dir, 'sub'));
  const transport = open('sub/a.log');
  await transport.send([testLine(1)]);
  await rm(join(dir, 'sub'), { recursive: true });
  await expect(transport.send([testLine(2)])).rejects.toThrow('lies in a folder that cannot be used');
  await mkdir(join(dir, 'sub'));
  await transport.send([testLine(2)]);
  expect(await readFile(join(dir, 'sub/a.log'), 'utf8')).toBe('{"n":2}\n');
});

it('lies below the folders that the command line names', async () => {
  await mkdir(join(dir, 'logs'));
  await mkdir(join(dir, 'other'));
  await symlink(join(dir, 'other'), join(dir, 'logs/out'));
  const allowed = [join(dir, 'logs')];
  expect(faultOfLogPath(join(dir, 'logs/a.log'), allowed)).toBeUndefined();
  expect(faultOfLogPath(join(dir, 'logs/out/a.log'), allowed)).toContain('does not lie below');
  expect(faultOfLogPath(join(dir, 'logs/../other/a.log'), allowed)).toContain('does not lie below');
  expect(faultOfLogPath(join(dir, 'logs2/a.log'), allowed)).toContain('cannot be used (ENOENT)');
  expect(faultOfLogPath('a.log', allowed)).toContain('not an absolute path');
  expect(faultOfLogPath(join(dir, 'logs/a.log'), [])).toContain('without --log-dir');
});

it('writes to a stream by its path', async () => {
  const transport = open('stdout');
  await transport.send([testLine(0)]);
  const stream = createOutputTransport(join(dir, 'stdout'));
  transports.push(stream);
  await stream.send([testLine(1)]);
  expect(await readFile(join(dir, 'stdout'), 'utf8')).toBe('{"n":0}\n{"n":1}\n');
  // As of a container whose output goes to a file: it is not looked at by its name.
  await symlink(join(dir, 'stdout'), join(dir, 'link'));
  const link = createOutputTransport(join(dir, 'link'));
  transports.push(link);
  await link.send([testLine(2)]);
  expect(await readFile(join(dir, 'stdout'), 'utf8')).toBe('{"n":0}\n{"n":1}\n{"n":2}\n');
});

it('makes a file that is named as the output, and follows its rotation', async () => {
  const path = join(dir, 'audit.log');
  const output = createOutputTransport(path);
  transports.push(output);
  await output.send([testLine(0)]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await rename(path, join(dir, 'audit.log.1'));
  await output.send([testLine(1)]);
  expect(await readFile(path, 'utf8')).toBe('{"n":1}\n');
});
