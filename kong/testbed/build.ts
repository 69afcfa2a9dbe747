/**
 * Builds `dist` before the tests of a run, and before those that a change of a file runs again: many of them start the
 * commands in it, and one that is older than the sources would be tested in their place.
 */
import { execFileSync } from 'node:child_process';
import type { TestProject } from 'vitest/node';

export default function setup(project: TestProject): void {
  // Each project of vitest.config.ts calls this, and the whole of them.
  if (project.name !== '') return;
  const build = (): void => void execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
  build();
  project.onTestsRerun(build);
}
