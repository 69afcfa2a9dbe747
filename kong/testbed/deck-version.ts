/** The release of decK that is tested, here and in .github/workflows/deck.yml, and which others are taken. */
import { isBelow, versionNumbers } from '../kong-version.js';

export const DECK_VERSION = '1.56.0';

/**
 * Returns a line to print if `deck version` printed a newer release than the one that is tested.
 * @throws Error of one line for an older one: it prints other things
 */
export function judgeDeckVersion(printed: string): string | undefined {
  const [, version] = /\bv?(\d+\.\d+\.\d+)\b/.exec(printed) ?? [];
  if (version === undefined || isBelow(versionNumbers(version), versionNumbers(DECK_VERSION))) {
    const found = version ?? 'of an unknown version';
    throw new Error(`decK is ${found}: install ${DECK_VERSION} or newer, or name it by DECK_BIN`);
  }
  return version === DECK_VERSION ? undefined : `decK is ${version}; ${DECK_VERSION} is the one that is tested`;
}
