/** What a configuration has masked. */
import type { FieldNames } from './fields.js';
import type { Kind } from './finding.js';
import type { Mask } from './masks.js';
import type { PathRules } from './paths.js';
import type { PatternRule } from './patterns.js';
import type { SearchTime } from './search-time.js';
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

/** The rules, where the masking of one entry is counted, and the time that its patterns have. */
export interface Masking {
  rules: Rules;
  tally: Tally;
  searchTime: SearchTime;
}
