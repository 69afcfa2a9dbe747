import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { RULES } from '../../kong/config-check/rules.js';
import { STAGES } from '../../kong/stages.js';
import { lintRules, readLintResults } from './lint.js';

const RULESET: unknown = parse(readFileSync(new URL('../../kong/deck-lint.yml', import.meta.url), 'utf8'));

it.each(STAGES)("of the stages' rules, %s gets its own", (stage) => {
  const names = Object.keys(lintRules(RULESET, stage).rules as object);
  expect(names.filter((name) => name.startsWith('secret-stage-'))).toEqual([`secret-stage-${stage}`]);
});

it("decK's linter has every rule of ours, by its name", () => {
  const messages = JSON.stringify(RULESET);
  for (const name of Object.keys(RULES)) expect(messages).toContain(`"${name}: `);
});

it('results are lines of our own texts, each once', () => {
  const result = { Line: 3, Message: 'tls-verify: x', Severity: 'error' };
  expect(readLintResults(JSON.stringify({ results: [result, result] }))).toEqual([
    "line 3: tls-verify: x (decK's linter)",
  ]);
  expect(readLintResults('Error')).toBeUndefined();
});
