/**
 * Templates: a JSON document whose strings may refer to values of the body, `{{ path }}`. A string that is one reference
 * becomes the value itself, byte for byte; in other strings the value's text is put in. Compiled when an instance starts.
 */
import type { Output } from './output.js';
import { type Path, parsePath, selectsMany } from './path.js';

/** What a reference of a template stands for. */
export interface Reference {
  readonly path: Path;
  /** Its values are a list, however many they are. */
  readonly isList: boolean;
}

export interface Template {
  /** Those that differ; captures go by their places here. */
  readonly references: readonly Reference[];
  /**
   * Writes the document.
   * @param values the filtered element, which the captures lie in
   * @param base where in the output it began, which captures count from
   */
  write(output: Output, values: Buffer, base: number, captures: Captures): void;
}

type Part =
  | { kind: 'text'; bytes: Buffer }
  /** Of a reference; `inString`: within a string of the template. */
  | { kind: 'value'; reference: number; inString: boolean };

const REFERENCE = /\{\{([^{}]*)\}\}/g;
/** A string of a document that is known to be JSON, and the colon behind it if it is a key. */
const JSON_STRING = /"(?:[^"\\]|\\.)*"(\s*:)?/gsu;
const NULL = Buffer.from('null');
const QUOTE = 0x22;
const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;
const COMMA = 0x2c;
const CLOSE_ARRAY = 0x5d;
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
          const isList = references[part.reference]?.isList === true;
          const value = isList
            ? listBytes(values, base, captures.of(part.reference))
            : lastBytes(values, base, captures.of(part.reference));
          output.bytes(part.inString ? textOf(value) : value);
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

/** The text of a string of JSON, between its quotes. */
function inner(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** Of a key that stands twice the last one counts, as for nearly every parser. */
function lastBytes(values: Buffer, base: number, places: readonly number[] | undefined): Buffer {
  if (places === undefined || places.length === 0) return NULL;
  return values.subarray((places.at(-2) ?? 0) - base, (places.at(-1) ?? 0) - base);
}

function listBytes(values: Buffer, base: number, places: readonly number[] | undefined): Buffer {
  if (places === undefined) return NULL;
  const chunks: Buffer[] = [];
  for (let i = 0; i < places.length; i += 2) {
    chunks.push(Buffer.of(i === 0 ? OPEN_ARRAY : COMMA));
    chunks.push(values.subarray((places[i] ?? 0) - base, (places[i + 1] ?? 0) - base));
  }
  if (chunks.length === 0) chunks.push(Buffer.of(OPEN_ARRAY));
  return Buffer.concat([...chunks, Buffer.of(CLOSE_ARRAY)]);
}

/** A value within a string: a string's own text, nothing for null, otherwise its JSON. */
function textOf(value: Buffer): Buffer {
  switch (value[0]) {
    case QUOTE:
      return value.subarray(1, -1);
    case LETTER_N:
      return EMPTY;
    case OPEN_OBJECT:
    case OPEN_ARRAY:
      return Buffer.from(inner(value.toString()));
    default:
      return value;
  }
}

const EMPTY = Buffer.alloc(0);

/** Where in the output the values lie that references stand for: pairs of start and end. */
export interface Captures {
  clear(): void;
  /** Makes it a list, if it is none yet. */
  open(reference: number): void;
  add(reference: number, start: number, end: number): void;
  /** Undefined: there is no such value. */
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
