/** Versions, and which Kong the plugins need. Pure. */

/** What to install instead of a Kong that is too old. */
export const KONG_WANTED = 'Kong 3.9.3 or newer, or Kong Enterprise 3.10 or newer';

/** Kong 3.4 to 3.8 lack what the plugins rely on (docs/kong-versions.md). */
const KONG_MINIMUM = [3, 9];

/** Returns the numbers of a version such as `v3.14.0.1`. A pre-release counts as its version. */
export function versionNumbers(version: string): number[] {
  return version
    .replace(/^v/, '')
    .split('.')
    .map((part) => Number.parseInt(part, 10));
}

/** Returns whether a version is older than a floor. */
export function isBelow(version: readonly number[], floor: readonly number[]): boolean {
  const index = floor.findIndex((part, at) => (version[at] ?? 0) !== part);
  return index !== -1 && (version[index] ?? 0) < (floor[index] ?? 0);
}

/** Returns whether the plugins do not work with a Kong. */
export function isUnsupportedKong(version: readonly number[]): boolean {
  return version[0] !== KONG_MINIMUM[0] || isBelow(version, KONG_MINIMUM);
}
