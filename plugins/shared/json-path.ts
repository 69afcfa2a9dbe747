/**
 * JSONPath by jsonpath-plus, without evaluation of code: the places of what an expression selects in a parsed document.
 * Which expressions may reach it, and what is done at the places, is for the plugins to say.
 */

/** From the root: keys of members, and indexes of elements as numbers. */
export type Place = readonly (string | number)[];

/** @returns the places of the matches in `value` */
export type Select = (value: unknown, expression: string) => Place[];

/** Loaded with the first document that needs it: most processes never do. */
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
  /** Null: the match is the root. */
  parent: object | null;
  parentProperty: string | number;
}

/** Of each array and object: what holds it, and under which key. */
type Parents = Map<object, { parent: object; key: string }>;

/**
 * Matches are found by the identity of what holds them. The library's own pointers leave out keys such as `^` and `~`, so
 * that they would name other values.
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
 * The members of all objects of a parsed document. Of a key that stands twice in one object the parsed copy holds one, and
 * what is found in that could not be told of the other: there the text has more keys.
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
