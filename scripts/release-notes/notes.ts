/** Reads a release's notes from a changelog as keepachangelog.com describes it. */

const UNRELEASED = 'Unreleased';

/** The texts below `## Unreleased` and `## 0.2.0 - 2026-11-28`, by their names. */
function sectionsOf(changelog: string): Map<string, { date: string | undefined; text: string }> {
  const [, ...parts] = changelog.split(/^## /m);
  return new Map(
    parts.map((part) => {
      const [heading = '', ...lines] = part.split('\n');
      const [name = '', date] = heading.split(' - ');
      return [name.trim(), { date: date?.trim(), text: lines.join('\n').trim() }];
    }),
  );
}

/**
 * Returns the notes of a version, or of what is not released yet where there is neither a tag nor a section of the version.
 *
 * @param version of package.json, such as `0.2.0`
 * @param tag that is to be released, such as `v0.2.0`
 * @throws Error if the tag is not of the version, if the version has no notes or no date, or if notes are left that belong
 *   to no version
 */
export function releaseNotes(changelog: string, version: string, tag?: string): string {
  const sections = sectionsOf(changelog);
  const unreleased = sections.get(UNRELEASED)?.text ?? '';
  const released = sections.get(version);
  if (tag === undefined) return released?.text ?? unreleased;

  if (tag !== `v${version}`) throw new Error(`the tag is ${tag}, and package.json has ${version}`);
  if (!released?.text) throw new Error(`CHANGELOG.md says nothing of ${version}`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(released.date ?? '')) {
    throw new Error(`CHANGELOG.md: "## ${version}" needs a date: "## ${version} - 2026-11-28"`);
  }
  if (unreleased !== '') throw new Error(`CHANGELOG.md: what is below "## ${UNRELEASED}" belongs to ${version}`);
  return released.text;
}
