/**
 * The fields of answers, by their names and never by a value: which were there, as what, and which of them a filter lets
 * through. One tree for each route, and bounded: names beyond are counted together.
 */

/** What stands for names beyond the bound, and for names that may be a value. */
export const OTHER = '*';
/** A name that somebody programmed. Maps may have addresses or customers' words as keys. */
const FIELD_NAME = /^[A-Za-z_$][\w$]{0,63}$/;
/** The key of an array's elements. No field has this name. */
const ELEMENT = '[]';
const MAX_FIELDS = 2000;
/** Over all routes: about 16 MB. */
const MAX_FIELDS_IN_ALL = 40_000;
/** What is deeper is not told apart. */
const MAX_DEPTH = 20;

/** What a field was: `value` is a text, a number or a boolean; `deep` is a container that was not looked into. */
export type FieldKind = 'value' | 'null' | 'object' | 'array' | 'deep';

/** A field of a route's answers, as `GET /removed` tells it. */
export interface SeenField {
  /** From the top of the body: `entities[].name`; empty for the body itself. */
  path: string;
  kind: FieldKind;
  /** In how many answers it was, and in how many the rules would let it through. */
  seen: number;
  kept: number;
}

interface Count {
  seen: number;
  kept: number;
  /** The last answers that were counted: a field counts once an answer. */
  seenIn: number;
  keptIn: number;
}

interface Field {
  kinds: Map<FieldKind, Count>;
  removed: number;
  removedIn: number;
  children: Map<string, Field>;
}

export interface SeenFields {
  /**
   * Notes an answer.
   * @param before as the service sent it
   * @param after as it would leave; undefined: nothing of it would
   * @param counts whether its fields count, or only what is removed of it
   */
  note(before: unknown, after: unknown, counts: boolean): void;
  fields(): SeenField[];
  /** Returns how often each field would have been removed, and of one that is gone whole the outermost; most first. */
  removed(): Record<string, number>;
}

/** How many fields there may still be, over all routes. */
export interface FieldBudget {
  left: number;
}

export function createFieldBudget(): FieldBudget {
  return { left: MAX_FIELDS_IN_ALL };
}

/** Makes the fields of one route. */
export function createSeenFields(budget: FieldBudget): SeenFields {
  const root = newField();
  let size = 0;
  let answer = 0;

  function childOf(parent: Field, key: string): Field {
    const known = parent.children.get(key);
    if (known !== undefined) return known;
    const hasRoom = size < MAX_FIELDS && budget.left > 0;
    const name = hasRoom ? key : OTHER;
    const child = parent.children.get(name) ?? newField();
    parent.children.set(name, child);
    if (hasRoom) {
      size += 1;
      budget.left -= 1;
    }
    return child;
  }

  function walk(before: unknown, after: unknown, field: Field, depth: number, counts: boolean): void {
    const isKept = after !== undefined;
    const kind = depth === MAX_DEPTH && isContainer(before) ? 'deep' : kindOf(before);
    if (counts) count(field, kind, isKept, answer);
    if (kind === 'array') {
      const [items, kept] = [before as unknown[], Array.isArray(after) ? after : []];
      const placeOf = places(items, kept);
      for (const [index, item] of items.entries()) {
        const element = childOf(field, ELEMENT);
        walk(item, kept[placeOf(index)], element, depth + 1, counts);
      }
    } else if (kind === 'object') {
      for (const [key, value] of Object.entries(before as object)) {
        const child = childOf(field, FIELD_NAME.test(key) ? key : OTHER);
        const isThere = typeof after === 'object' && after !== null && Object.hasOwn(after, key);
        const rest: unknown = isThere ? Reflect.get(after, key) : undefined;
        if (isKept && !isThere && child.removedIn !== answer) {
          child.removedIn = answer;
          child.removed += 1;
        }
        walk(value, rest, child, depth + 1, counts);
      }
    }
  }

  return {
    note(before, after, counts) {
      answer += 1;
      walk(before, after, root, 0, counts);
    },
    fields: () =>
      [...all(root, '')].flatMap(({ path, field }) =>
        [...field.kinds].map(([kind, { seen, kept }]) => ({ path, kind, seen, kept })),
      ),
    removed: () =>
      Object.fromEntries(
        [...all(root, '')]
          .filter(({ field }) => field.removed > 0)
          .map(({ path, field }) => [path, field.removed] as const)
          .sort(([, a], [, b]) => b - a),
      ),
  };
}

function newField(): Field {
  return { kinds: new Map(), removed: 0, removedIn: 0, children: new Map() };
}

function count(field: Field, kind: FieldKind, isKept: boolean, answer: number): void {
  const counts = field.kinds.get(kind) ?? { seen: 0, kept: 0, seenIn: 0, keptIn: 0 };
  field.kinds.set(kind, counts);
  if (counts.seenIn !== answer) counts.seen += 1;
  counts.seenIn = answer;
  if (!isKept) return;
  if (counts.keptIn !== answer) counts.kept += 1;
  counts.keptIn = answer;
}

function* all(field: Field, path: string): Iterable<{ path: string; field: Field }> {
  yield { path, field };
  for (const [name, child] of field.children) {
    yield* all(child, name === ELEMENT || path === '' ? `${path}${name}` : `${path}.${name}`);
  }
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function kindOf(value: unknown): FieldKind {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'object' ? 'object' : 'value';
}

/** Returns where elements are in a filtered array, from which those are gone that no path leads into; -1: nowhere. */
function places(before: readonly unknown[], after: readonly unknown[]): (index: number) => number {
  if (before.length === after.length) return (index) => index;
  let next = 0;
  const found = before.map((item) => (next < after.length && isPartOf(after[next], item) ? next++ : -1));
  return (index) => found[index] ?? -1;
}

function isPartOf(part: unknown, whole: unknown): boolean {
  if (!isContainer(part) || !isContainer(whole)) return part === whole;
  if (Array.isArray(part) !== Array.isArray(whole)) return false;
  return Array.isArray(part) || Object.keys(part).every((key) => Object.hasOwn(whole, key));
}
