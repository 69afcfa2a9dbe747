/** Reads the files of a declarative configuration: state as decK and Kong take it, in YAML or JSON. */
import { LineCounter, parseDocument, type Tags } from 'yaml';
import { isPlainObject } from '../../plugins/shared/plain-object.js';
import { readText } from '../install/read-text.js';
import type { Document, Fault } from './entities.js';
import { asYaml } from './references.js';

/** A file that is no YAML. */
export class UnreadableFile extends Error {
  readonly fault: Readonly<{ file: string; message: string; line: number; column: number }>;

  constructor(fault: UnreadableFile['fault']) {
    super(`${fault.file}:${fault.line}:${fault.column}: ${fault.message}`);
    this.fault = fault;
  }
}

/** Kong reads YAML 1.1, in which `yes` and `off` are booleans, but none of its further types. */
function customTags(tags: Tags): Tags {
  const known = ['null', 'bool', 'int', 'float', 'map', 'seq', 'str', 'merge'];
  return (
    tags
      .filter((tag) => typeof tag === 'string' || known.some((name) => tag.tag.endsWith(`:${name}`)))
      // A single letter is a text.
      .map((tag) =>
        typeof tag !== 'string' && tag.tag.endsWith(':bool') && 'test' in tag && tag.test !== undefined
          ? ({ ...tag, test: new RegExp(tag.test.source.replace('Y|y|', '').replace('N|n|', '')) } as typeof tag)
          : tag,
      )
  );
}

/** Finds what is wrong with a file's version. Kong also reads versions before 3.0. */
export function versionFaults(documents: readonly Document[]): Fault[] {
  const [first] = documents;
  const written = documents.filter(({ value }) => value._format_version !== undefined);
  const fault = (file: string, message: string): Fault => ({
    file,
    path: '_format_version',
    at: ['_format_version'],
    message,
  });
  if (first !== undefined && written.length === 0)
    return [{ ...fault(first.file, 'is missing: Kong needs "3.0"'), at: [] }];
  return written
    .filter(({ value }) => !['1.1', '2.1', '3.0'].includes(value._format_version as string))
    .map(({ file, value }) =>
      fault(file, typeof value._format_version === 'string' ? 'must be "3.0"' : 'must be "3.0", in quotes'),
    );
}

/** A version before 3.0 is read in another way, and of a key that is there twice only the last one counts. */
export function fileWarnings(documents: readonly Document[]): Fault[] {
  return documents.flatMap(({ file, value, source }) => {
    const isOld = ['1.1', '2.1'].includes(String(value._format_version));
    const old: Fault[] = isOld
      ? [
          {
            file,
            path: '_format_version',
            at: ['_format_version'],
            message: 'is old: it is checked as "3.0"',
            rule: 'old-version',
          },
        ]
      : [];
    const repeated = (source?.document.errors ?? []).map(
      ({ pos: [offset] }): Fault => ({
        file,
        path: 'a key',
        at: [],
        offset,
        message: 'is there twice: the last one counts',
        rule: 'repeated-key',
      }),
    );
    return [...old, ...repeated];
  });
}

/**
 * Reads a file.
 * @throws Error with one line that names the file
 * @throws Error of one line for decK's patches, which say nothing by themselves
 */
export function readStateFile(file: string): Document {
  return readState(readText(file), file);
}

/** Reads the text of a file. @throws Error as {@link readStateFile} */
export function readState(text: string, file: string): Document {
  const lines = new LineCounter();
  const document = parseDocument(asYaml(text), { version: '1.1', customTags, lineCounter: lines, prettyErrors: false });
  const fault = document.errors.find(({ code }) => code !== 'DUPLICATE_KEY');
  if (fault !== undefined) {
    const { line, col } = lines.linePos(fault.pos[0]);
    throw new UnreadableFile({ file, message: fault.message, line, column: col });
  }
  const value: unknown = document.toJS();
  if (!isPlainObject(value)) throw new Error(`${file}: expected a mapping`);
  if (Array.isArray(value.patches)) {
    throw new Error(
      `${file}: is a patch of decK; check what it makes: npm run deck:sync -- --mode render --stage NAME`,
    );
  }
  return { file, value, source: { document, lines } };
}
