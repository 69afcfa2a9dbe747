/**
 * Refuses requests whose Connection header or path could bypass a plugin.
 *
 * After all plugins have run, Kong removes every header that the client's `Connection` names. That could be the token,
 * or the Content-Length that the service needs. And a path such as `/analytics/..%2fusers` is one path to Kong's acl
 * plugin and another to a lenient service. Both are answered with 400, by lists of what is allowed. kong/kong.yml has
 * the same rules for every route. Here they protect those who install a single plugin.
 */
import type { Kong } from '../pdk.js';

/** What the guard checks. */
export interface GuardedRequest {
  /** All lines of the Connection header, joined with commas; empty if there is none. */
  connection: string;
  /** The path as Kong sends it to the service, percent-encoded. Everything after `?` is ignored. */
  upstreamUri: string;
}

/** Options that only remove their own header (RFC 9110 7.6.1, 7.8, RFC 7540 3.2.1). The empty one is for `close,`. */
const CONNECTION_OPTIONS = new Set(['', 'close', 'keep-alive', 'upgrade', 'te', 'http2-settings']);

/** Starts the guard's two reads, so that a step can await them together with its own. */
export function readGuarded(kong: {
  nginx: Pick<Kong['nginx'], 'getVar'>;
}): [connection: Promise<string>, upstreamUri: Promise<string>] {
  // nginx joins all lines of the header in this variable. `get_header` returns only the first.
  return [kong.nginx.getVar('http_connection'), kong.nginx.getVar('upstream_uri')];
}

/** Returns why a request is refused, in a few words for the log and the client; undefined if it is not. Pure. */
export function refusalOf({ connection, upstreamUri }: GuardedRequest): string | undefined {
  if (connection && !isHopByHop(connection)) return 'its Connection header names more than the connection';
  if (isAmbiguousPath(upstreamUri)) return 'its path can be read in more than one way';
  return undefined;
}

function isHopByHop(connection: string): boolean {
  if (connection === 'keep-alive' || connection === 'close') return true;
  return connection
    .split(',')
    .every((option) => CONNECTION_OPTIONS.has(option.replace(/^[ \t]+|[ \t]+$/g, '').toLowerCase()));
}

/** Paths without anything to check, which is most of them. */
const PLAIN = /^[\w~!$&'()*+,=:@/-]*$/;
/** Characters that a path may contain (RFC 3986 3.3), except `;`, where servlet containers cut a segment. */
const ALLOWED = /^(?:[\w\-.~!$&'()*+,=:@/]|%[0-9a-f]{2})*$/i;
/**
 * Escapes that change the path when they are decoded: control characters, slash, backslash, semicolon, and a percent
 * sign before two hexadecimal digits.
 */
const MISLEADING = /%(?:[01][0-9a-f]|7f|2f|5c|3b|25[0-9a-f]{2})/i;
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

function isAmbiguousPath(uri: string): boolean {
  const end = uri.indexOf('?');
  const path = end === -1 ? uri : uri.slice(0, end);
  if (PLAIN.test(path)) return false;
  return !ALLOWED.test(path) || MISLEADING.test(path) || DOT_SEGMENT.test(path) || !isUtf8(path);
}

/** Returns whether the escapes are UTF-8. Overlong forms of a slash or a dot are not, but old decoders accept them. */
function isUtf8(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}
