/** What a configuration has masked. */
import type { FieldNames } from './fields.js';
import type { Kind } from './finding.js';
import type { Mask } from './masks.js';
import type { PathRules } from './paths.js';
import type { PatternRule } from './patterns.js';
import type { SearchTime } from './search-time.js';
import type { Tally } from './tally.js';

/** What a configuration shows, with `values: allow`. */
export interface Allowed {
  /** Whether texts under a name are shown. */
  keeps(name: string): boolean;
  /** Paths to what is shown. */
  paths: PathRules;
}

export interface Rules {
  /** What is shown, with `values: allow`; undefined: what is not masked is. */
  allowed: Allowed | undefined;
  fields: FieldNames;
  paths: PathRules;
  patterns: readonly PatternRule[];
  kinds: ReadonlySet<Kind>;
  mask: Mask;
  /** Names of query parameters whose values may be seen, in lower case. */
  keptParams: ReadonlySet<string>;
}

/** The rules, where the masking of one entry is counted, and the time that its patterns have. */
export interface Masking {
  rules: Rules;
  tally: Tally;
  searchTime: SearchTime;
}
