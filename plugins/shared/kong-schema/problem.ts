/** What is wrong with a configuration, and in whose words. */

/** A fault: where, and what. */
export interface Problem {
  path: string;
  message: string;
}

/** A configuration that is being read, and what was found wrong with it so far. */
export interface Reading {
  /**
   * `operator`: as it is written for Kong, which refuses it in Kong's words.
   * `kong`: as a plugin gets it, with references resolved, null for what is absent, and keys that Kong adds. Problems are
   * the ends of sentences about a field, and repeat no value.
   */
  readonly from: 'operator' | 'kong';
  readonly problems: Problem[];
}

/** One fault in Kong's words (kong/db/schema/init.lua) and in a plugin's. */
export type Words = readonly [kong: string, plugin: string];

/** Notes a problem. */
export function report({ from, problems }: Reading, path: string, [kong, plugin]: Words): void {
  problems.push({ path, message: from === 'operator' ? kong : plugin });
}

/** The path of a field of a record. */
export function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
