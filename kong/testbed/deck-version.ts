/** The release of decK that is used, here and in .github/workflows/deck.yml: another one may print or do other things. */
export const DECK_VERSION = '1.56.0';

/** @throws Error of one line, if `deck version` printed another release */
export function assertDeckVersion(printed: string): void {
  const [, version] = /\bv?(\d+\.\d+\.\d+)\b/.exec(printed) ?? [];
  if (version !== DECK_VERSION) {
    throw new Error(`decK is ${version ?? 'of an unknown version'}: install ${DECK_VERSION}, or name it by DECK_BIN`);
  }
}
