/**
 * Ends `npm start` and every other command that builds with one line if Node is too old. Plain JavaScript that any Node
 * since 12 runs: it comes before the compiler. What is installed has kong/node-version.ts.
 */
import { readFileSync } from 'node:fs';

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const [major, minor] = engines.node.replace('>=', '').split('.').map(Number);
const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number);
if (ownMajor < major || (ownMajor === major && ownMinor < minor)) {
  console.error(`Node ${major}.${minor} or newer is needed; this is ${process.versions.node} (${process.execPath})`);
  process.exit(1);
}
