/** `kong-genesys-cloud combine FILE`: prints the file with the suite's plugins combined, and says what stays separate. */
import { readText } from '../read-text.js';
import { type CombinedFile, combineText } from './yaml.js';

export const COMBINE_USAGE = `usage: kong-genesys-cloud combine FILE
  prints FILE, a declarative configuration in YAML or JSON, with one entry of genesys-gateway instead of several
  entries of the suite's plugins at the same place; what stays separate, and why, is on standard error`;

/**
 * Combines a file.
 * @returns what to print on standard output, and lines for standard error
 * @throws Error of one line that says what is wrong
 */
export function combine(args: readonly string[]): { text: string; notes: string[] } {
  const [file, ...more] = args;
  if (file === undefined || file.startsWith('-') || more.length > 0) throw new Error(COMBINE_USAGE);
  const text = readText(file);
  let result: CombinedFile;
  try {
    result = combineText(text);
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
  const { before, after } = result.combined;
  return {
    text: result.text,
    notes: [
      ...result.separate.map(({ label, reason }) => `${label} stays separate: ${reason}`),
      `${before} entries became ${after}`,
    ],
  };
}
