import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryFolder } from '../../kong/testbed/memory-folder.js';
import { openAudit, verifyTrail } from './audit.js';
import { createHttp } from './http.js';
import { verifySignature } from './signature.js';
import { testEffects } from './testing.js';

let folder: string;
beforeEach(() => {
  folder = memoryFolder('audit-');
});
afterEach(() => rmSync(folder, { recursive: true }));

const event = (step: string) => ({
  rotation: 'r1',
  strategy: 'new-client',
  target: 't',
  step,
  event: 'done',
  details: { b: 1, a: [2] },
});
const trail = () => readFileSync(join(folder, 'audit.jsonl'), 'utf8');
const head = () => readFileSync(join(folder, 'audit.head.json'), 'utf8');

function write(count: number, key?: string): void {
  const effects = testEffects(() => ({ status: 200 }));
  const audit = openAudit(folder, { key, webhook: undefined }, createHttp(effects), effects);
  for (let i = 0; i < count; i += 1) audit.append(event(`step-${i}`));
}

describe('the trail', () => {
  it('is intact as it was written, over several processes', () => {
    write(3);
    write(2);
    expect(verifyTrail(trail(), head(), undefined)).toMatchObject({ intact: true, entries: 5 });
    const { hash } = JSON.parse(trail().split('\n')[2] ?? '') as { hash: string };
    expect(verifyTrail(trail(), head(), undefined, hash)).toMatchObject({ intact: true });
    expect(verifyTrail(trail(), head(), undefined, 'f'.repeat(64))).toMatchObject({ intact: false });
  });

  it('shows every changed, added or removed character', () => {
    write(4);
    const text = trail();
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom('change', 'remove', 'add'), (at, how) => {
        const other = text[at] === '7' ? '8' : '7';
        const middle = how === 'change' ? other : how === 'add' ? other + text[at] : '';
        return verifyTrail(text.slice(0, at) + middle + text.slice(at + 1), head(), undefined).intact === false;
      }),
      { numRuns: 500 },
    );
  });

  it('shows removed, swapped, repeated and cut off lines', () => {
    write(4);
    const lines = trail().trimEnd().split('\n');
    const [a = '', b = '', c = '', d = ''] = lines;
    for (const changed of [[b, c, d], [a, c, d], [a, b, c], [a, b], [], [a, c, b, d], [a, b, b, c, d]]) {
      expect(verifyTrail(changed.map((line) => `${line}\n`).join(''), head(), undefined).intact).toBe(false);
    }
    expect(verifyTrail(trail(), undefined, undefined).intact).toBe(false);
  });

  it('with a key cannot be forged without it', () => {
    write(2, 'audit-key');
    expect(verifyTrail(trail(), head(), 'audit-key')).toMatchObject({ intact: true });
    expect(verifyTrail(trail(), head(), undefined).intact).toBe(false);
    expect(verifyTrail(trail(), head(), 'another').intact).toBe(false);
  });

  it('goes on after a machine that stopped in the middle of a line', () => {
    write(2);
    appendFileSync(join(folder, 'audit.jsonl'), '{"seq":3,"at"');
    expect(verifyTrail(trail(), head(), undefined).intact).toBe(false);
    write(1);
    expect(verifyTrail(trail(), head(), undefined)).toMatchObject({ intact: true, entries: 3 });
  });
});

it('the webhook gets every entry once, signed, and later what it missed', async () => {
  let down = true;
  const effects = testEffects(() => ({ status: down ? 503 : 200 }));
  const webhook = { url: 'https://audit.example/hook', key: 'hook-key' };
  const audit = openAudit(folder, { key: undefined, webhook }, createHttp(effects), effects);
  audit.append(event('one'));
  expect(await audit.deliver()).toMatch(/the audit webhook did not take an entry.*503/);
  audit.append(event('two'));
  down = false;
  effects.requests.length = 0;
  expect(await audit.deliver()).toBeUndefined();
  expect(await audit.deliver()).toBeUndefined();
  expect(effects.requests.map(({ body }) => `${body}\n`).join('')).toBe(trail());
  for (const { headers, body = '' } of effects.requests) {
    const message = {
      timestamp: headers['X-Rotation-Timestamp'] ?? '',
      signature: headers['X-Rotation-Signature'] ?? '',
      body,
    };
    expect(verifySignature('hook-key', message, effects.nowMs())).toBe(true);
  }
  expect(verifyTrail(trail(), head(), undefined)).toMatchObject({ intact: true });
});
