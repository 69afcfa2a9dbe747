/** Authorities come only from folders that may be read, and nothing is told of what is outside them. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterAll, describe, expect, it } from 'vitest';
import { readAuthorities } from './authorities.js';

const root = mkdtempSync(join(tmpdir(), 'authorities-'));
const allowed = join(root, 'allowed');
const outside = join(root, 'outside');
mkdirSync(allowed);
mkdirSync(outside);
const [PEM = ''] = rootCertificates;
writeFileSync(join(allowed, 'ca.pem'), `a comment\n${PEM}\n`);
writeFileSync(join(allowed, 'other.pem'), 'no certificate');
writeFileSync(join(allowed, 'broken.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
writeFileSync(join(outside, 'ca.pem'), PEM);
symlinkSync(join(outside, 'ca.pem'), join(allowed, 'link.pem'));
symlinkSync(join(outside, 'none.pem'), join(allowed, 'dangling.pem'));
symlinkSync(outside, join(allowed, 'folder'));
symlinkSync('loop', join(allowed, 'loop'));
afterAll(() => rmSync(root, { recursive: true }));

const read = (file: string, secretsDirs = [allowed]): string => readAuthorities(file, 'ca_file', { secretsDirs });
const refusal = (file: string, secretsDirs?: string[]): string => {
  try {
    read(file, secretsDirs);
  } catch (error) {
    return (error as Error).message.replace(JSON.stringify(file), 'FILE');
  }
  return expect.fail(`${file} was read`);
};

it('are read below a folder that may be read', () => {
  expect(read(join(allowed, 'ca.pem'))).toBe(PEM.trim());
});

describe('outside of it', () => {
  const OUTSIDE = 'config.ca_file is FILE, which does not lie below a folder named by --secrets-dir';

  it.each([
    join(outside, 'ca.pem'),
    join(outside, 'none.pem'),
    join(outside, 'none', 'ca.pem'),
    join(allowed, 'link.pem'),
    join(allowed, 'link.pem', 'ca.pem'),
    join(allowed, 'dangling.pem'),
    join(allowed, 'folder', 'ca.pem'),
    join(allowed, 'folder', 'none.pem'),
    join(allowed, 'folder', 'ca.pem', 'none.pem'),
    join(allowed, 'loop'),
    `${allowed}/../outside/ca.pem`,
    `${allowed}/../outside/none.pem`,
    `${allowed}x/ca.pem`,
    '/etc/passwd',
    '/dev/zero',
    '/',
  ])('%s is refused with the same words, whether it is there or not', (file) => {
    expect(refusal(file)).toBe(OUTSIDE);
  });

  it('nothing is read at all without such a folder', () => {
    const refused = 'config.ca_file is FILE, which cannot be used: the plugin server was started without --secrets-dir';
    for (const file of [join(allowed, 'ca.pem'), '/nowhere/ca.pem']) expect(refusal(file, [])).toBe(refused);
  });
});

describe('below it', () => {
  it.each([
    ['none.pem', 'cannot be read (ENOENT)'],
    ['other.pem', 'holds no certificate in PEM'],
    ['broken.pem', 'holds a certificate that cannot be read'],
  ])('%s %s', (name, problem) => {
    expect(refusal(join(allowed, name))).toBe(`config.ca_file is FILE, which ${problem}`);
  });
});
