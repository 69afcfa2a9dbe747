import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { RULE_CASES } from '../testbed/rule-cases.js';
import { listEntities } from './entities.js';
import { RULES } from './rules.js';

function violations(text: string, stage: string): Record<string, string[]> {
  const entities = listEntities([{ file: 'kong.yml', value: parse(text) }]);
  const found = Object.entries(RULES).map(([name, rule]) => [name, rule({ entities, stage }).map(({ path }) => path)]);
  return Object.fromEntries(found.filter(([, paths]) => paths?.length));
}

it.each(RULE_CASES)('$what', ({ state, violates, paths }) => {
  expect(violations(state, 'prod')).toEqual(violates === undefined ? {} : { [violates]: paths });
});

it('without a stage every secret fits', () => {
  const entities = listEntities([
    { file: 'kong.yml', value: parse('plugins: [{ name: x, config: { a: "{vault://env/dev-a}" } }]') },
  ]);
  expect(RULES['secret-stage']?.({ entities, stage: undefined })).toEqual([]);
});

it('no fault repeats the secret', () => {
  for (const { state } of RULE_CASES) {
    const entities = listEntities([{ file: 'kong.yml', value: parse(state) }]);
    const faults = Object.values(RULES).flatMap((rule) => rule({ entities, stage: 'prod' }));
    expect(JSON.stringify(faults)).not.toContain('hunter2');
  }
});
