/** Prints what a run left out, and why: a test that cannot run here says it by `unless`, or by vitest's `skip(note)`. */
import type { TestCase, TestModule, TestSuite } from 'vitest/node';
import type { Reporter } from 'vitest/reporters';

function reasonOf(test: TestCase): string {
  const { note } = test.result() as { note?: string };
  if (note !== undefined) return note;
  for (let at: TestCase | TestSuite | TestModule = test; at.type !== 'module'; at = at.parent) {
    const { skipped } = at.meta();
    if (skipped !== undefined) return skipped;
  }
  return 'no reason given';
}

export default class LeftOut implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const byReason = new Map<string, number>();
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const reason = reasonOf(test);
        byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
      }
    }
    const lines = [...byReason]
      .sort(([, a], [, b]) => b - a)
      .map(([why, count]) => `${String(count).padStart(7)}  ${why}`);
    if (lines.length > 0) console.log(['  Left out', ...lines, ''].join('\n'));
  }
}
