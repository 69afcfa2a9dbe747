/**
 * Ends the process with one line if Node is too old. Imported before anything else, and alone: an old Node cannot even
 * parse the rest, so that is imported with `await import`.
 */

/** As `engines` in package.json. */
const OLDEST = '20.19';

/** Returns what is wrong with a version of Node, or undefined. */
export function nodeFault(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST.split('.').map(Number);
  const isTooOld = major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
  return isTooOld ? `Node ${OLDEST} or newer is needed; this is ${version} (${process.execPath})` : undefined;
}

const fault = nodeFault(process.versions.node);
if (fault !== undefined) {
  process.stderr.write(`${fault}\n`);
  process.exit(1);
}
