/** Reads the files of a declarative configuration: state as decK and Kong take it, in YAML or JSON. */
import { readFileSync } from 'node:fs';
import { LineCounter, parseDocument } from 'yaml';
import { isPlainObject } from '../../plugins/shared/plain-object.js';
import type { Document } from './entities.js';
import { asYaml } from './references.js';

/**
 * Reads a file.
 * @throws Error with one line that names the file
 * @throws Error of one line for decK's patches, which say nothing by themselves
 */
export function readStateFile(file: string): Document {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  return readState(text, file);
}

/** Reads the text of a file. @throws Error as {@link readStateFile} */
export function readState(text: string, file: string): Document {
  const lines = new LineCounter();
  const document = parseDocument(asYaml(text), { merge: true, lineCounter: lines });
  const [fault] = document.errors;
  if (fault !== undefined) throw new Error(`${file}: ${fault.message.split('\n')[0]}`);
  const value: unknown = document.toJS();
  if (!isPlainObject(value)) throw new Error(`${file}: expected a mapping`);
  if (Array.isArray(value.patches)) {
    throw new Error(
      `${file}: is a patch of decK; check what it makes: npm run deck:sync -- --mode render --stage NAME`,
    );
  }
  const version = value._format_version;
  if (version !== undefined && version !== '3.0') throw new Error(`${file}: _format_version: must be "3.0"`);
  return { file, value, source: { document, lines } };
}
