/** What a release says of itself, and what keeps it from being one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { VERSION } from '../../plugins/shared/version.js';
import { releaseNotes } from './notes.js';

const RELEASED =
  '# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2026-11-28\n\n### Added\n\n- A.\n\n## 0.1.0 - 2026-11-21\n\n- B.\n';

it('gives the section of the version, and no other', () => {
  expect(releaseNotes(RELEASED, '0.2.0', 'v0.2.0')).toBe('### Added\n\n- A.');
  expect(releaseNotes(RELEASED, '0.1.0', 'v0.1.0')).toBe('- B.');
});

it('without a tag, gives what is not released where the version has no section', () => {
  expect(releaseNotes(RELEASED.replace('Unreleased\n', 'Unreleased\n\n- C.\n'), '0.3.0')).toBe('- C.');
});

it.each([
  ['a tag of another version', RELEASED, '0.2.0', 'v0.2.1', 'the tag is v0.2.1, and package.json has 0.2.0'],
  ['a version without notes', RELEASED, '0.3.0', 'v0.3.0', 'says nothing of 0.3.0'],
  ['a version without a date', RELEASED.replace(' - 2026-11-28', ''), '0.2.0', 'v0.2.0', 'needs a date'],
  [
    'notes that belong to no version',
    RELEASED.replace('Unreleased\n', 'Unreleased\n\n- C.\n'),
    '0.2.0',
    'v0.2.0',
    'what is below "## Unreleased" belongs to 0.2.0',
  ],
])('refuses %s', (_what, changelog, version, tag, message) => {
  expect(() => releaseNotes(changelog, version, tag)).toThrow(message);
});

it('finds notes in the CHANGELOG.md of today', () => {
  expect(releaseNotes(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'), VERSION)).toContain('### ');
});
