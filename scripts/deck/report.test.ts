import { expect, it } from 'vitest';
import type { Change } from './changes.js';
import { changeLines, markdownReport, summaryLine } from './report.js';

const CHANGES: Change[] = [
  { action: 'create', kind: 'service', name: 'api', fields: [] },
  { action: 'update', kind: 'plugin', name: 'genesys-quota of route r', fields: ['config.limits'] },
];

it('a log gets a line for each change, and their number', () => {
  expect(changeLines(CHANGES)).toEqual([
    'create service api',
    'update plugin genesys-quota of route r (config.limits)',
  ]);
  expect(summaryLine(CHANGES)).toBe('1 to create, 1 to update, 0 to delete');
  expect(summaryLine([])).toBe('no change');
});

it('a name cannot become markup of the comment', () => {
  const name = 'x`\n\n<img src=x> @everyone';
  const report = markdownReport('prod', [{ action: 'delete', kind: 'consumer', name, fields: [] }]);
  expect(report.split('\n').at(-2)).toBe("- `delete consumer x'  <img src=x> @everyone`".replace('  ', ' '));
});
