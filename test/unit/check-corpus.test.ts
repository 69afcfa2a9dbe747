/** The check finds what Kong refuses, warns of what is likely not meant, and says nothing of the rest. */
import { expect, it } from 'vitest';
import { checkDocuments } from '../../kong/config-check/check.js';
import { readState } from '../../kong/config-check/documents.js';
import { FORMATS, findingsOf } from '../../kong/config-check/report.js';
import { RULES, WARNINGS } from '../../kong/config-check/rules.js';
import { CORPUS } from '../support/check-corpus.js';

/** Rules about what a good configuration has, which these do not. */
const skipRules = new Set(Object.keys({ ...RULES, ...WARNINGS }));

it('has many cases', () => {
  expect(CORPUS.length).toBeGreaterThanOrEqual(60);
});

it.each(CORPUS)('$what: Kong $kong it', ({ kong, says, yaml }) => {
  const document = readState(yaml, 'kong.yml');
  const result = checkDocuments([document], { variants: new Map(), stage: undefined, skipRules });
  const findings = findingsOf(result, [document], 'warn');
  const text = FORMATS.text(findings);
  // The command says it, of all files together.
  const isVersion = document.value._format_version === undefined;
  const refuses = isVersion || findings.some(({ severity }) => severity === 'error');
  expect(refuses ? 'refuses' : 'takes', text).toBe(kong);
  if (says === undefined) expect(text).toBe('');
  else if (!isVersion) expect(text).toMatch(says);
  for (const line of text.split('\n').filter(Boolean)) expect(line).toMatch(/^kong\.yml:\d+:\d+: /);
});
