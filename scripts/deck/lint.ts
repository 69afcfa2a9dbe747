/** kong/deck-lint.yml for one stage, and what decK's linter finds by it. Pure. */
import { isPlainObject, type PlainObject } from '../../plugins/shared/plain-object.js';

const STAGE_RULE = /^secret-stage-(.+)$/;

/** The rules without those of the other stages. */
export function lintRules(ruleset: unknown, stage: string): PlainObject {
  const rules = isPlainObject(ruleset) && isPlainObject(ruleset.rules) ? ruleset.rules : {};
  const kept = Object.entries(rules).filter(([name]) => (STAGE_RULE.exec(name)?.[1] ?? stage) === stage);
  return { rules: Object.fromEntries(kept) };
}

/** The messages, each once, which are our own texts, with the line; undefined if this is not the linter's JSON. */
export function readLintResults(text: string): string[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isPlainObject(parsed) || !Array.isArray(parsed.results)) return undefined;
  const lines = parsed.results
    .filter(isPlainObject)
    .map(({ Line, Message }) => `line ${Line}: ${Message} (decK's linter)`);
  return [...new Set(lines)];
}
