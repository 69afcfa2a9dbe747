import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { DECK_VERSION, judgeDeckVersion } from '../../kong/testbed/deck-version.js';

it('the release that is tested is used without a word, a newer one with a warning, an older one not', () => {
  expect(judgeDeckVersion(`decK v${DECK_VERSION} (abc1234) \n`)).toBeUndefined();
  expect(judgeDeckVersion('decK v1.65.1 (abc1234)')).toBe(`decK is 1.65.1; ${DECK_VERSION} is the one that is tested`);
  expect(() => judgeDeckVersion('decK v1.9.2 (abc1234)')).toThrow(`decK is 1.9.2: install ${DECK_VERSION} or newer`);
  expect(() => judgeDeckVersion('decK dev (unknown)')).toThrow('of an unknown version');
});

it('the workflow installs it, and pins its actions by commit', () => {
  const workflow = readFileSync(new URL('../../.github/workflows/deck.yml', import.meta.url), 'utf8');
  expect(workflow).toContain(`DECK_VERSION: ${DECK_VERSION}`);
  const actions = [...workflow.matchAll(/uses: (\S+)/g)].map(([, action]) => action);
  expect(actions.length).toBeGreaterThan(0);
  for (const action of actions) expect(action).toMatch(/@[0-9a-f]{40}$/);
});
