/**
 * Templates: JSON documents whose strings may refer to values of the body, as `{{ path }}`. A string that is one
 * reference becomes the value, byte for byte. Other strings get the value's text. Compiled when an instance starts.
 */

import type { Output } from '../json/output.js';
import { OPEN_ARRAY, OPEN_OBJECT, QUOTE } from '../json/text.js';
import { type Path, parsePath, selectsMany } from './path.js';

/** A reference of a template. */
export interface Reference {
  readonly path: Path;
  /** Whether its values become a list, however many they are. */
  readonly isList: boolean;
}

export interface Template {
  /** The distinct references. Captures use their indexes in this list. */
  readonly references: readonly Reference[];
  /**
   * Writes the document.
   * @param values the filtered element, which contains the captured values
   * @param base where the element began in the output; captures count from the output's start
   */
  write(output: Output, values: Buffer, base: number, captures: Captures): void;
}

type Part =
  | { kind: 'text'; bytes: Buffer }
  /** The value of a reference. `inString`: within a string of the template. */
  | { kind: 'value'; reference: number; inString: boolean };

const REFERENCE = /\{\{([^{}]*)\}\}/g;
/** A string in a document that is known to be JSON, and the colon after it if it is a key. */
const JSON_STRING = /"(?:[^"\\]|\\.)*"(\s*:)?/gsu;
const EMPTY = Buffer.alloc(0);
const NULL = Buffer.from('null');
const OPEN_LIST = Buffer.from('[');
const COMMA = Buffer.from(',');
const CLOSE_LIST = Buffer.from(']');
/** The first byte of `null`. */
const LETTER_N = 0x6e;

/**
 * Compiles a template.
 * @throws Error with what is wrong, as the end of a sentence
 */
export function compileTemplate(text: string): Template {
  try {
    JSON.parse(text);
  } catch {
    throw new Error('is not JSON');
  }
  const references: Reference[] = [];
  const places = new Map<string, number>();
  const parts: Part[] = [];

  function referTo(pathText: string, inString: boolean): void {
    let reference = places.get(pathText);
    if (reference === undefined) {
      const path = parseReference(pathText);
      reference = references.push({ path, isList: selectsMany(path) }) - 1;
      places.set(pathText, reference);
    }
    parts.push({ kind: 'value', reference, inString });
  }
  const addText = (chunk: string): void => {
    if (chunk !== '') parts.push({ kind: 'text', bytes: Buffer.from(chunk) });
  };

  let copied = 0;
  for (const match of text.matchAll(JSON_STRING)) {
    const [written, isKey] = match;
    const value = JSON.parse(isKey === undefined ? written : written.slice(0, -isKey.length)) as string;
    if (!value.includes('{{')) continue;
    if (isKey !== undefined) throw new Error('has a reference in a key; only values may hold one');
    addText(text.slice(copied, match.index));
    copied = match.index + written.length;
    const found = [...value.matchAll(REFERENCE)];
    if (found.length === 1 && found[0]?.[0] === value) {
      referTo((found[0][1] ?? '').trim(), false);
      continue;
    }
    let at = 0;
    addText('"');
    for (const reference of found) {
      addText(inner(value.slice(at, reference.index)));
      referTo((reference[1] ?? '').trim(), true);
      at = reference.index + reference[0].length;
    }
    if (found.length === 0 || value.slice(at).includes('{{')) throw new Error('has a "{{" without its "}}"');
    addText(`${inner(value.slice(at))}"`);
  }
  addText(text.slice(copied));

  return {
    references,
    write(output, values, base, captures) {
      for (const part of parts) {
        if (part.kind === 'text') output.bytes(part.bytes);
        else {
          const places = captures.of(part.reference);
          const isList = references[part.reference]?.isList === true;
          if (places === undefined) output.bytes(part.inString ? EMPTY : NULL);
          else if (isList && part.inString) output.bytes(escaped(listOf(values, base, places)));
          else if (isList) output.bytes(listOf(values, base, places));
          else {
            // If a key is repeated, the last one counts, as in nearly every parser.
            const start = (places.at(-2) ?? 0) - base;
            const end = (places.at(-1) ?? 0) - base;
            if (part.inString) writeText(output, values, start, end);
            else output.bytes(values, start, end);
          }
        }
      }
    },
  };
}

function parseReference(text: string): Path {
  try {
    return parsePath(text);
  } catch (error) {
    throw new Error(`has a reference that ${(error as Error).message}`);
  }
}

/** Returns a text as it is in a JSON string, without the quotes. */
function inner(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function listOf(values: Buffer, base: number, places: readonly number[]): Buffer {
  const chunks: Buffer[] = [];
  for (let i = 0; i < places.length; i += 2) {
    if (i > 0) chunks.push(COMMA);
    chunks.push(values.subarray((places[i] ?? 0) - base, (places[i + 1] ?? 0) - base));
  }
  return Buffer.concat([OPEN_LIST, ...chunks, CLOSE_LIST]);
}

/** Writes a value within a string: a string's own text, nothing for null, otherwise its JSON. */
function writeText(output: Output, values: Buffer, start: number, end: number): void {
  const first = values[start];
  if (first === QUOTE) output.bytes(values, start + 1, end - 1);
  else if (first === OPEN_OBJECT || first === OPEN_ARRAY) output.bytes(escaped(values.subarray(start, end)));
  else if (first !== LETTER_N) output.bytes(values, start, end);
}

function escaped(json: Buffer): Buffer {
  return Buffer.from(inner(json.toString()));
}

/** Where the values of references are in the output: pairs of start and end. */
export interface Captures {
  clear(): void;
  /** Makes a reference a list, unless it already is one. */
  open(reference: number): void;
  add(reference: number, start: number, end: number): void;
  /** Returns the places of a reference; undefined if there is no such value. */
  of(reference: number): readonly number[] | undefined;
}

export function createCaptures(references: number): Captures {
  const places: (number[] | undefined)[] = new Array(references).fill(undefined);
  return {
    clear() {
      places.fill(undefined);
    },
    open(reference) {
      places[reference] ??= [];
    },
    add(reference, start, end) {
      const list = places[reference];
      if (list === undefined) places[reference] = [start, end];
      else list.push(start, end);
    },
    of: (reference) => places[reference],
  };
}
