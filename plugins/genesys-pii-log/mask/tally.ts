/** Counts what was masked, by rule. */
export class Tally {
  readonly #counts = new Map<string, number>();

  /** @param rule such as `detector:email`, `field:ani`, `pattern:account`, `query` */
  add(rule: string): void {
    this.#counts.set(rule, (this.#counts.get(rule) ?? 0) + 1);
  }

  addAll(other: Tally): void {
    for (const [rule, count] of other.#counts) this.#counts.set(rule, (this.#counts.get(rule) ?? 0) + count);
  }

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  /** By rule, in the order of their names. */
  toObject(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
