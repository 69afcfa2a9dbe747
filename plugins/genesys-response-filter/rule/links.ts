/**
 * Links in a body, such as `nextUri`. They are paths of the service. On a route that shows the service under another
 * path, a client that follows one would leave the route, and see what the route does not show. Pure.
 */
import { servicePath } from '../../shared/path-pattern.js';

/** Names of members that hold links, in the models of Genesys' SDK (npm purecloud-platform-client-v2 262). */
export const LINK_NAMES = [
  'selfUri',
  'firstUri',
  'previousUri',
  'nextUri',
  'lastUri',
  'previousPage',
  'currentPage',
  'nextPage',
] as const;

export type LinkMode = 'keep' | 'remove' | 'rewrite';

/** The paths of a request, with or without query, still percent-encoded. */
export interface RequestPaths {
  /** As the client sent it. */
  client: string;
  /** As Kong sent it to the service. */
  service: string;
}

/** Returns what takes a link's place; undefined if it is left out. */
export type Links = (link: string) => string | undefined;

/** What a link begins with. Other texts in the same members, such as cursors, are left alone. */
const LINK = /^(?:\/|https?:\/\/)/i;
const ORIGIN = /^https?:\/\/[^/?#]*/i;

/**
 * Returns what to do with the links of an answer; undefined if they stay as they are.
 *
 * On a route that shows the service under its own path, or with a prefix before it, as the gateway setting of Genesys'
 * tools asks for, links lead nowhere else and stay.
 */
export function linksOf(mode: LinkMode, paths: RequestPaths | undefined): Links | undefined {
  if (mode === 'remove') return (link) => (LINK.test(link) ? undefined : link);
  if (mode === 'keep' || paths === undefined) return undefined;
  const service = servicePath(paths.service);
  if (servicePath(paths.client).endsWith(service)) return undefined;
  // Two slashes at the beginning would name a host.
  const own = pathOf(paths.client).replace(/^\/*/, '/');
  return (link) => {
    if (!LINK.test(link)) return link;
    const [path, query] = split(link.replace(ORIGIN, ''));
    return servicePath(path) === service ? own + query : undefined;
  };
}

function pathOf(uri: string): string {
  return split(uri.replace(ORIGIN, ''))[0];
}

function split(uri: string): [path: string, query: string] {
  const end = uri.search(/[?#]/);
  return end === -1 ? [uri, ''] : [uri.slice(0, end), uri.slice(end)];
}
