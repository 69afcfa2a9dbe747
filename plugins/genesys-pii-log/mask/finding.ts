/** What the detectors find. */

/** The kinds of personal data that detectors know; also the names by which the configuration switches them on. */
export const KINDS = ['email', 'phone', 'card', 'ssn', 'iban', 'ip'] as const;

export type Kind = (typeof KINDS)[number];

/** A stretch of a text that is personal data: `start` inclusive, `end` exclusive. */
export interface Finding {
  start: number;
  end: number;
  kind: Kind;
}

/** A stretch of a text. */
export interface Span {
  start: number;
  end: number;
}
