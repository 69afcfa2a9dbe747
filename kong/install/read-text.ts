/** Files that a command is given. */
import { readFileSync } from 'node:fs';

/** Reads a text. @throws Error of one line that names the file and the reason */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
