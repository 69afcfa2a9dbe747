/**
 * `npm run release-notes`: prints what CHANGELOG.md says of package.json's version, or of what is not released yet. With
 * `--tag v0.2.0`, as the release workflow calls it (with an empty tag in a dry run), it refuses a tag, a version and a changelog that do not agree.
 */
import { readFileSync } from 'node:fs';
import { VERSION } from '../plugins/shared/version.js';
import { answerHelp, readArguments } from './arguments.js';
import { releaseNotes } from './release-notes/notes.js';

const USAGE = 'usage: npm run release-notes -- [--tag vVERSION]';

answerHelp(USAGE);
try {
  const { tag } = readArguments(USAGE, { options: { tag: { type: 'string' } } }).values;
  console.log(releaseNotes(readFileSync('CHANGELOG.md', 'utf8'), VERSION, tag || undefined));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
