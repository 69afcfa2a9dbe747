/** What is published of a run: counts, kinds, names and fields. Pure. */
import { type Change, countChanges } from './changes.js';

/** One line for a log. */
export function summaryLine(changes: readonly Change[]): string {
  const { create, update, delete: deletions } = countChanges(changes);
  return changes.length === 0 ? 'no change' : `${create} to create, ${update} to update, ${deletions} to delete`;
}

/** One line for each change. */
export function changeLines(changes: readonly Change[]): string[] {
  return changes.map(
    ({ action, kind, name, fields }) =>
      `${action} ${kind} ${name}${fields.length > 0 ? ` (${fields.join(', ')})` : ''}`,
  );
}

/** For a pull request's comment. A name of an entity cannot become markup. */
export function markdownReport(stage: string, changes: readonly Change[]): string {
  const lines = changeLines(changes).map((line) => `- \`${line.replaceAll('`', "'").replace(/[\r\n]+/g, ' ')}\``);
  return [`### decK: ${stage}`, '', summaryLine(changes), '', ...lines, ''].join('\n');
}
