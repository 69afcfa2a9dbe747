/** What kong.yml offers and does not switch on: entries in comments, and overlays. Each must be right on the day it is wanted. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { applyDeckPatches } from '../support/deck-patch.js';
import { uncommented } from '../support/uncommented.js';

const folder = mkdtempSync(join(tmpdir(), 'kong-yml-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SHIPPED = readFileSync(resolve(ROOT, 'kong/kong.yml'), 'utf8');

/** What `npm run check-config` says of a state. @throws Error with its lines, if it finds a fault */
function checkConfig(text: string): string {
  const file = join(folder, 'kong.yml');
  writeFileSync(file, text);
  return execFileSync(process.execPath, [resolve(ROOT, 'dist/scripts/check-config.js'), file], { encoding: 'utf8' });
}

const checked = (text: string): number => Number(/: (\d+) plugin configurations checked, no fault$/m.exec(text)?.[1]);
const namesOf = (text: string): string[] =>
  (parse(text, { merge: true }) as { plugins: { name: string }[] }).plugins.map(({ name }) => name);

describe('an entry in a comment', () => {
  it('is whole, and passes the check when it is one no more', () => {
    const text = uncommented(SHIPPED, 'ip-restriction');
    expect(namesOf(text).filter((one) => !namesOf(SHIPPED).includes(one))).toEqual(['ip-restriction']);
    expect(checked(checkConfig(text))).toBe(checked(checkConfig(SHIPPED)));
  });
});

describe('failover.yml', () => {
  const state = parse(SHIPPED, { merge: true }) as {
    services: { routes: { plugins: { name: string; config: object }[] }[] }[];
  };
  applyDeckPatches(state, resolve(ROOT, 'kong/failover.yml'));
  const text = stringify(state, { aliasDuplicateObjects: false });

  it('gives two regions to every token manager, and passes the check', () => {
    const managers = state.services
      .flatMap(({ routes }) => routes)
      .flatMap(({ plugins }) => plugins)
      .filter(({ name }) => name === 'genesys-token-manager');
    expect(managers.length).toBeGreaterThan(5);
    for (const { config } of managers) expect(Object.keys(config)).toEqual(['regions', 'failover']);
    expect(checked(checkConfig(text))).toBe(checked(checkConfig(SHIPPED)));
  });

  it('names in the heads of both files the variables that its secrets need', () => {
    const overlay = readFileSync(resolve(ROOT, 'kong/failover.yml'), 'utf8');
    const variables = [...overlay.matchAll(/\{vault:\/\/env\/([a-z0-9-]+)\}/g)].map(([, name = '']) =>
      name.toUpperCase().replaceAll('-', '_'),
    );
    expect(variables).toHaveLength(4);
    for (const text of [overlay, SHIPPED]) {
      const [head = ''] = text.split('_format_version');
      expect(variables.filter((variable) => !head.includes(variable))).toEqual([]);
    }
  });
});
