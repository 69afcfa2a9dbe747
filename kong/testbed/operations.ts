/**
 * Genesys' operations as its SDK knows them, and the POSTs among them that only read: queries and searches. kong.yml
 * lets readers send these. Everything else that is POSTed needs writers, whatever its path looks like.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isReadingPost } from '../install/routes/kind.js';

const ROOT = resolve(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '../..' : '../../..');
const SDK = join(ROOT, 'node_modules/purecloud-platform-client-v2');
export const DATA = join(ROOT, 'kong/operations/reading-posts.json');

/** An operation of Genesys' API, as its SDK calls it. */
export interface Operation {
  method: string;
  /** Such as `/api/v2/users/{userId}`. */
  path: string;
}

/** POSTs that only read, and the SDK that they were taken from. */
export interface ReadingPosts {
  sdk: string;
  paths: string[];
}

/** Reads all operations of the installed SDK, each once. */
export function readOperations(): Operation[] {
  const folder = join(SDK, 'src/purecloud-platform-client-v2/api');
  const operations = new Map<string, Operation>();
  for (const file of readdirSync(folder)) {
    const calls = readFileSync(join(folder, file), 'utf8').matchAll(/callApi\(\s*'([^']+)',\s*'([A-Z]+)'/g);
    for (const [, path = '', method = ''] of calls) operations.set(`${method} ${path}`, { method, path });
  }
  return [...operations.values()];
}

/**
 * Returns the list, as it is committed. It is reviewed, so a new release of the SDK lets nothing through by itself.
 */
export function readingPosts(): ReadingPosts {
  const { version } = JSON.parse(readFileSync(join(SDK, 'package.json'), 'utf8')) as { version: string };
  const paths = readOperations()
    .filter(isReadingPost)
    .map(({ path }) => path);
  return { sdk: version, paths: paths.sort() };
}

/**
 * Returns anchored regular expressions for Kong's router, one for each resource below /api/v2. The prefix `/api` may be in
 * front; the group `path` has what comes after it.
 */
export function routePaths(paths: readonly string[]): string[] {
  const byResource = new Map<string, string[]>();
  for (const path of paths) {
    const [resource = '', ...rest] = path.replace('/api/v2/', '').split('/');
    byResource.set(resource, [...(byResource.get(resource) ?? []), rest.map(segmentPattern).join('/')]);
  }
  return [...byResource].map(([resource, rests]) => {
    const below = rests.filter((rest) => rest !== '');
    const any = below.length === 1 ? `/${below[0]}` : `/(?:${below.join('|')})`;
    const tail = below.length === 0 ? '' : below.length < rests.length ? `(?:${any})?` : any;
    return `~/(?:api/)?(?P<path>api/v2/${resource}${tail})$`;
  });
}

/** An id may be anything in its segment: the SDK does not say which look like UUIDs. */
function segmentPattern(segment: string): string {
  return segment.startsWith('{') ? '[^/]+' : segment.replace(/[.\\+*?^$()[\]{}|]/g, '\\$&');
}
