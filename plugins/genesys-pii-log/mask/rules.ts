/** What a configuration has masked. */
import type { FieldNames } from './fields.js';
import type { Kind } from './finding.js';
import type { Mask } from './masks.js';
import type { PathRules } from './paths.js';
import type { PatternRule } from './patterns.js';
import type { Tally } from './tally.js';

export interface Rules {
  fields: FieldNames;
  paths: PathRules;
  patterns: readonly PatternRule[];
  kinds: ReadonlySet<Kind>;
  mask: Mask;
  /** Names of query parameters whose values may be seen, in lower case. */
  keptParams: ReadonlySet<string>;
}

/** The rules, and where the masking of one entry is counted. */
export interface Masking {
  rules: Rules;
  tally: Tally;
}
