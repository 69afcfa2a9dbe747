/**
 * Evaluates JSONPath with jsonpath-plus, without running code. Returns where the matches are in a parsed document. Each
 * plugin decides which expressions to allow and what to do at these places.
 */

/** A path from the root: keys of members, and indexes of elements as numbers. */
export type Place = readonly (string | number)[];

/** Returns the places of the matches in `value`. */
export type Select = (value: unknown, expression: string) => Place[];

/** Loads jsonpath-plus. Called for the first document that needs it, because most processes never do. */
export async function loadSelect(): Promise<Select> {
  const { JSONPath } = await import('jsonpath-plus');
  return (value, expression) => {
    if (typeof value !== 'object' || value === null) return [];
    const matches = JSONPath({ path: expression, json: value, resultType: 'all', wrap: true, eval: false }) as Match[];
    const parents = parentsIn(value);
    return matches.map(({ parent, parentProperty }) =>
      parent === null ? [] : placeOf(parent, parentProperty, parents),
    );
  };
}

interface Match {
  /** Null if the match is the root. */
  parent: object | null;
  parentProperty: string | number;
}

/** For each array and object: its parent, and its key in the parent. */
type Parents = Map<object, { parent: object; key: string }>;

/**
 * Maps each container to its parent. Places are found by identity, because the library's own pointers omit keys such as
 * `^` and `~`, and would then name other values.
 */
function parentsIn(root: object): Parents {
  const parents: Parents = new Map();
  const open = [root];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    for (const [key, value] of Object.entries(parent) as [string, unknown][]) {
      if (typeof value !== 'object' || value === null) continue;
      parents.set(value, { parent, key });
      open.push(value);
    }
  }
  return parents;
}

function placeOf(parent: object, key: string | number, parents: Parents): Place {
  const place = [step(parent, key)];
  for (let above = parents.get(parent); above !== undefined; above = parents.get(above.parent)) {
    place.push(step(above.parent, above.key));
  }
  return place.reverse();
}

function step(parent: object, key: string | number): string | number {
  return Array.isArray(parent) ? Number(key) : String(key);
}

/**
 * Counts the members of all objects in a parsed document. If the text has more keys than this, an object has a key
 * twice. The parsed copy has only one of the two, so its matches cannot be applied to the text.
 */
export function countMembers(copy: unknown): number {
  let members = 0;
  const open = [copy];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null) continue;
    const children: unknown[] = Object.values(value);
    if (!Array.isArray(value)) members += children.length;
    for (const child of children) if (typeof child === 'object') open.push(child);
  }
  return members;
}
