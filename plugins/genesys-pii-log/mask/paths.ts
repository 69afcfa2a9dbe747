/**
 * Paths to values of a JSON document: dotted names, followed while the document is read, and JSONPath, which needs the
 * whole document. Pure but for the JSONPath library, which is loaded when it is first needed.
 *
 * Not the language of the response filter's path.ts, on purpose: `**.` begins anywhere, `[*]` is the elements of lists
 * alone, names hold spaces and quotes as they are, and a JSONPath of any simplicity needs the document.
 */
import { countMembers, loadSelect } from '../../shared/json-path.js';

/** One step of a dotted path. */
type Step = { name: string } | { index: number } | { each: true };

interface DottedPath {
  /** As configured. */
  text: string;
  steps: readonly Step[];
  /** Begins at any depth. */
  anywhere: boolean;
}

/** Which paths lead further from a place of a document: a path, and how many of its steps are behind. */
export type Trail = readonly { path: DottedPath; done: number }[];

/** Where a step has led. */
export interface Arrival {
  /** The path that ends here; undefined: none. */
  hit: string | undefined;
  trail: Trail;
}

export interface PathRules {
  /** From the root of a document. */
  readonly start: Trail;
  /** Whether there are JSONPaths. */
  readonly needsDocument: boolean;
  /** Whether there are none at all. */
  readonly isEmpty: boolean;
  /** @param key of a member, or index of an element */
  step(trail: Trail, key: string | number): Arrival;
  /**
   * Evaluates the JSONPaths.
   * @returns JSON Pointers to what is masked, each with the path that led there
   */
  pointersIn(document: unknown): Promise<ReadonlyMap<string, string>>;
}

const NOWHERE: Arrival = { hit: undefined, trail: [] };

/**
 * Compiles paths: `name.name`, `[*]` or `[n]` for elements of a list, `**.` in front for any depth; what begins with `$` is
 * a JSONPath.
 * @throws Error with what is wrong, as the end of a sentence
 */
export function compilePaths(texts: readonly string[]): PathRules {
  const jsonPaths = texts.filter((text) => text.startsWith('$'));
  const dotted = texts.filter((text) => !text.startsWith('$')).map(parseDotted);
  for (const text of jsonPaths) checkJsonPath(text);
  const start = dotted.map((path) => ({ path, done: 0 }));
  const anywhere = start.filter(({ path }) => path.anywhere);
  return {
    start,
    needsDocument: jsonPaths.length > 0,
    isEmpty: texts.length === 0,
    step(trail, key) {
      if (trail.length === 0) return NOWHERE;
      let hit: string | undefined;
      const next: { path: DottedPath; done: number }[] = [...anywhere];
      for (const { path, done } of trail) {
        if (!fits(path.steps[done] as Step, key)) continue;
        if (done + 1 === path.steps.length) hit ??= path.text;
        else next.push({ path, done: done + 1 });
      }
      return { hit, trail: next };
    },
    pointersIn: (document) => evaluate(jsonPaths, document),
  };
}

function fits(step: Step, key: string | number): boolean {
  if ('each' in step) return typeof key === 'number';
  if ('index' in step) return step.index === key;
  return step.name === key;
}

const SEGMENT = /^([^.[\]]*)((?:\[(?:\*|\d{1,6})\])*)$/;

function parseDotted(text: string): DottedPath {
  const anywhere = text.startsWith('**.');
  const steps: Step[] = [];
  for (const segment of text.slice(anywhere ? 3 : 0).split('.')) {
    const [, name, brackets = ''] = SEGMENT.exec(segment) ?? [];
    // Only the whole document may be a list without a name.
    const nameless = name === '' && (steps.length > 0 || anywhere || brackets === '');
    if (name === undefined || name.includes('*') || nameless) {
      throw new Error(
        'is no path: names with dots between, [*] or [n] behind a name that is a list, **. in front only',
      );
    }
    if (name !== '') steps.push({ name });
    for (const [, index = ''] of brackets.matchAll(/\[([^\]]+)\]/g)) {
      steps.push(index === '*' ? { each: true } : { index: Number(index) });
    }
  }
  return { text, steps, anywhere };
}

/** Nothing in a JSONPath is evaluated as code; scripts and filters would be. */
function checkJsonPath(text: string): void {
  if (/\(/.test(text.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, ''))) {
    throw new Error('is a JSONPath with a script or filter, which is code and not evaluated here');
  }
  if (text.includes('^') || text.includes('~')) throw new Error('is a JSONPath to a parent or a name, not to a value');
  if (text.split('..').length > 2) throw new Error('is a JSONPath with more than one .., which takes too long');
  const unquoted = text.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, '');
  const brackets = unquoted.replace(/[^[\]]/g, '');
  if (/[\d*]\s+[\],]|[[,]\s+[-\d*]/.test(unquoted)) {
    throw new Error('is a JSONPath with spaces around an index, which would find nothing');
  }
  if (!/^(?:\[\])*$/.test(brackets) || /[.[]$/.test(text)) throw new Error('is a JSONPath that does not end');
}

async function evaluate(paths: readonly string[], document: unknown): Promise<ReadonlyMap<string, string>> {
  const pointers = new Map<string, string>();
  if (paths.length === 0 || typeof document !== 'object' || document === null) return pointers;
  const select = await loadSelect();
  for (const path of paths) {
    for (const place of select(document, path)) {
      const pointer = place.reduce(pointerTo, '');
      if (!pointers.has(pointer)) pointers.set(pointer, path);
    }
  }
  return pointers;
}

/** A string of JSON, and the colon behind it if it is a key. */
const JSON_STRING = /"(?:[^"\\]|\\.)*"(\s*:)?/g;

/** Parses a document for JSONPaths; undefined if it is none, or holds a key twice, of which they would see only one. */
export function parseDocument(text: string): unknown {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  let keys = 0;
  for (const [, colon] of text.matchAll(JSON_STRING)) if (colon !== undefined) keys++;
  return keys === countMembers(document) ? document : undefined;
}

/** A JSON Pointer's next part (RFC 6901). */
export function pointerTo(parent: string, key: string | number): string {
  return `${parent}/${typeof key === 'number' ? key : key.replace(/~/g, '~0').replace(/\//g, '~1')}`;
}
