/** Faults of a configuration, in the words of Kong or of a plugin. */

/** A fault: where it is, and what it is. */
export interface Problem {
  path: string;
  message: string;
}

/** A configuration that is being read, and the problems found so far. */
export interface Reading {
  /**
   * `operator`: the configuration as written for Kong. Problems are in Kong's words.
   * `kong`: the configuration as a plugin receives it. References are resolved, absent values are null, and Kong has
   * added keys. Problems are the ends of sentences about a field, and contain no value.
   */
  readonly from: 'operator' | 'kong';
  readonly problems: Problem[];
}

/** One fault in Kong's words (kong/db/schema/init.lua) and in a plugin's. */
export type Words = readonly [kong: string, plugin: string];

/** Adds a problem. */
export function report({ from, problems }: Reading, path: string, [kong, plugin]: Words): void {
  problems.push({ path, message: from === 'operator' ? kong : plugin });
}

/** Returns the path of a field in a record. */
export function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
