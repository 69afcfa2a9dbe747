import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { assertDeckVersion, DECK_VERSION } from '../../kong/testbed/deck-version.js';

it('only the release that is tested is used', () => {
  expect(() => assertDeckVersion(`decK v${DECK_VERSION} (abc1234) \n`)).not.toThrow();
  expect(() => assertDeckVersion('decK v1.0.0 (abc1234)')).toThrow(`decK is 1.0.0: install ${DECK_VERSION}`);
  expect(() => assertDeckVersion('decK dev (unknown)')).toThrow('of an unknown version');
});

it('the workflow installs it, and pins its actions by commit', () => {
  const workflow = readFileSync(new URL('../../.github/workflows/deck.yml', import.meta.url), 'utf8');
  expect(workflow).toContain(`DECK_VERSION: ${DECK_VERSION}`);
  const actions = [...workflow.matchAll(/uses: (\S+)/g)].map(([, action]) => action);
  expect(actions.length).toBeGreaterThan(0);
  for (const action of actions) expect(action).toMatch(/@[0-9a-f]{40}$/);
});
