/** Reads the files of a declarative configuration: state as decK and Kong take it, in YAML or JSON. */
import { readDocument } from '../../kong/local-gateway/config/document.js';
import type { Document } from './entities.js';

/**
 * Reads a file.
 * @throws Error with one line that names the file
 * @throws Error of one line for decK's patches, which say nothing by themselves
 */
export function readStateFile(file: string): Document {
  const value = readDocument(file);
  if (Array.isArray(value.patches)) {
    throw new Error(
      `${file}: is a patch of decK; check what it makes: npm run deck:sync -- --mode render --stage NAME`,
    );
  }
  const version = value._format_version;
  if (version !== undefined && version !== '3.0') throw new Error(`${file}: _format_version: must be "3.0"`);
  return { file, value };
}
