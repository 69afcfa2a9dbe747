/**
 * Which operations were called, by the entries of genesys-pii-log: a line of JSON each, under its own names or those of ECS.
 * Paths in it are masked, but for words of Genesys' API and ids, which is enough to tell operations apart.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { isPlainObject, type PlainObject } from '../../../plugins/shared/plain-object.js';
import { type Api, compare, type Operation, parameterOf, segmentsOf } from './api.js';

/** What was found in a log. */
export interface Called {
  /** How often each was called. */
  operations: ReadonlyMap<Operation, number>;
  /** Entries of requests, and lines that are none. */
  entries: number;
  otherLines: number;
  /** Requests that the gateway answered itself, so that no operation was called. */
  notSent: number;
  /** Methods and masked paths of no operation, the most frequent first. */
  unknown: (readonly [request: string, count: number])[];
}

/**
 * Reads a log.
 * @param file `-` is standard input
 * @param consumers usernames or ids, to count the requests of these only; empty: of all
 * @throws Error of one line that names the file and the reason
 */
export async function readCalls(file: string, api: Api, consumers: readonly string[]): Promise<Called> {
  const input = file === '-' ? process.stdin : createReadStream(file);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  // Otherwise a file that cannot be opened ends the process.
  const failed = new Promise<never>((_, reject) => {
    input.once('error', ({ code }: NodeJS.ErrnoException) => reject(new Error(`${file}: cannot be read (${code})`)));
  });
  return Promise.race([failed, countCalls(lines, api, consumers)]);
}

/** Counts calls. @param lines of a log */
export async function countCalls(
  lines: AsyncIterable<string> | Iterable<string>,
  api: Api,
  consumers: readonly string[] = [],
): Promise<Called> {
  const find = operationFinder(api);
  const operations = new Map<Operation, number>();
  const unknown = new Map<string, number>();
  const found = { entries: 0, otherLines: 0, notSent: 0 };
  for await (const line of lines) {
    if (line.trim() === '') continue;
    const entry = readEntry(line);
    if (entry === undefined) found.otherLines += 1;
    else if (consumers.length === 0 || consumers.some((name) => entry.consumers.includes(name))) {
      found.entries += 1;
      const operation = find(entry.method, entry.path);
      if (!entry.wasSent) found.notSent += 1;
      else if (operation !== undefined) add(operations, operation);
      else if (unknown.size < MOST_UNKNOWN) add(unknown, `${entry.method} ${withoutIds(entry.path)}`);
    }
  }
  return { ...found, operations, unknown: [...unknown].sort(([a, x], [b, y]) => y - x || compare(a, b)) };
}

/** So many requests of no operation are kept apart. */
const MOST_UNKNOWN = 1000;

function add<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** A log has millions of ids; a segment with a digit is one. */
function withoutIds(path: string): string {
  return path.replace(/(?<=^\/api\/v2\/.*)[^/]*\d[^/]*/g, '{id}');
}

interface CalledRequest {
  method: string;
  /** From /api/v2 on; masked, but for words of the API and ids. */
  path: string;
  wasSent: boolean;
  consumers: string[];
}

/** Reads an entry; undefined if the line is none of a request. */
function readEntry(line: string): CalledRequest | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isPlainObject(entry)) return undefined;
  const isOwn = entry.type === 'request';
  const genesys = at(entry, 'genesys');
  const method = isOwn ? entry.method : at(at(entry, 'http'), 'request').method;
  const path = isOwn ? entry.path : at(entry, 'url').path;
  if (typeof method !== 'string' || typeof path !== 'string') return undefined;
  const { source } = isOwn ? entry : genesys;
  const upstream = at(isOwn ? entry : genesys, 'upstream');
  const caller = at(entry, isOwn ? 'consumer' : 'user');
  return {
    method,
    path: path.slice(Math.max(0, path.indexOf('/api/v2/'))),
    // A filtered answer is the plugin's own, and Genesys has answered too.
    wasSent: source === 'service' || upstream.status !== undefined,
    consumers: [caller.id, caller.username, caller.name].flatMap((name) => (typeof name === 'string' ? [name] : [])),
  };
}

function at(record: PlainObject, key: string): PlainObject {
  const value = record[key];
  return isPlainObject(value) ? value : {};
}

/** Returns what finds the operation of a request. Of several it is the one with a word where others have an id first. */
function operationFinder(api: Api): (method: string, path: string) => Operation | undefined {
  const placeOf = (method: string, segments: readonly string[]): string =>
    `${method} ${segments.length} ${segments[2]}`;
  const places = new Map<string, { operation: Operation; template: string[] }[]>();
  // Braces come after all letters, so words come before ids.
  for (const operation of [...api.operations].sort((a, b) => compare(a.path, b.path))) {
    const template = segmentsOf(operation.path);
    const place = placeOf(operation.method, template);
    places.set(place, [...(places.get(place) ?? []), { operation, template }]);
  }
  return (method, path) => {
    const segments = segmentsOf(path);
    const candidates = [method, ...(method === 'HEAD' ? ['GET'] : [])].flatMap(
      (asked) => places.get(placeOf(asked, segments)) ?? [],
    );
    return candidates.find(({ template }) =>
      template.every(
        (word, index) => word === segments[index] || (parameterOf(word) !== undefined && segments[index] !== ''),
      ),
    )?.operation;
  };
}
