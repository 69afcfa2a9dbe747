/** "Did you mean": the known word that is nearest to one that is not known. Pure. */

/** Returns the end of a sentence, such as `; did you mean "allow"?`; empty if no known word is near. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const most = word.length < 5 ? 1 : 2;
  const [nearest] = [...known]
    .map((candidate) => ({ candidate, steps: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, steps }) => steps <= most && candidate !== word)
    .sort((a, b) => a.steps - b.steps);
  return nearest === undefined ? '' : `; did you mean "${nearest.candidate}"?`;
}

/** Letters that are added, left out, replaced or swapped (Damerau and Levenshtein, optimal string alignment). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let row = 1; row <= a.length; row += 1) {
    const line = [row];
    rows.push(line);
    for (let column = 1; column <= b.length; column += 1) {
      const isSame = a[row - 1] === b[column - 1];
      const isSwapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      line.push(
        Math.min(
          at(row - 1, column) + 1,
          at(row, column - 1) + 1,
          at(row - 1, column - 1) + (isSame ? 0 : 1),
          isSwapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
  }
  return at(a.length, b.length);
}
