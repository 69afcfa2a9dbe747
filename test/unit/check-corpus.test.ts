/** The check finds what Kong refuses, warns of what is likely not meant, and says nothing of the rest. */
import { expect, it } from 'vitest';
import { checkDocuments } from '../../kong/config-check/check.js';
import { fileWarnings, readState, versionFaults } from '../../kong/config-check/documents.js';
import { FORMATS, findingsOf } from '../../kong/config-check/report.js';
import { RULES, WARNINGS } from '../../kong/config-check/rules.js';
import { CORPUS } from '../support/check-corpus.js';

/** Rules about what a good configuration has, which these do not. */
const skipRules = new Set(Object.keys({ ...RULES, ...WARNINGS }));

it('has many cases', () => {
  expect(CORPUS.length).toBeGreaterThanOrEqual(150);
});

it.each(CORPUS)('$what: Kong $kong it', ({ kong, says, isElsewhere, yaml }) => {
  const document = readState(yaml, 'kong.yml');
  const result = checkDocuments([document], { variants: new Map(), stage: undefined, skipRules });
  result.faults.push(...versionFaults([document]));
  result.warnings.push(...fileWarnings([document]));
  const findings = findingsOf(result, [document], 'warn');
  const text = FORMATS.text(findings);
  const refuses = findings.some(({ severity }) => severity === 'error');
  expect(refuses ? 'refuses' : 'takes', text).toBe(isElsewhere ? 'takes' : kong);
  if (says === undefined) expect(text).toBe('');
  else expect(text).toMatch(says);
  for (const line of text.split('\n').filter(Boolean)) expect(line).toMatch(/^kong\.yml:\d+:\d+: /);
});
