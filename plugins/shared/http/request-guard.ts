/**
 * What a client must not say of its connection and its path before a plugin works for its request.
 *
 * Kong clears every header that the client's `Connection` names, after all plugins have run: also the token, and the
 * length by which the service knows where a body ends. And a path such as `/analytics/..%2fusers` is one path to Kong's
 * acl and another to a lenient service. Both are refused with 400, by lists of what is allowed. kong/kong.yml has the
 * same rules for every route; here they hold for whoever installs one plugin alone.
 */
import type { Kong } from '../pdk.js';

/** What the guard looks at. */
export interface GuardedRequest {
  /** All lines of the Connection header, joined by commas; empty if there is none. */
  connection: string;
  /** The path as Kong sends it to the service, percent-encoded; what follows a `?` is not looked at. */
  upstreamUri: string;
}

/** Options that take away nothing but themselves (RFC 9110 7.6.1 and 7.8, RFC 7540 3.2.1). Empty: `close,` is a list too. */
const CONNECTION_OPTIONS = new Set(['', 'close', 'keep-alive', 'upgrade', 'te', 'http2-settings']);

/** Reads what the guard needs: two calls, for the reads that a step makes anyway. */
export function readGuarded(kong: {
  nginx: Pick<Kong['nginx'], 'getVar'>;
}): [connection: Promise<string>, upstreamUri: Promise<string>] {
  // nginx joins all lines of a header in this variable; `get_header` answers with the first alone.
  return [kong.nginx.getVar('http_connection'), kong.nginx.getVar('upstream_uri')];
}

/** Tells why a request is refused, in a few words for the log and the client; undefined if it is not. Pure. */
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

/** Paths in which there is nothing to look at: most of them. */
const PLAIN = /^[\w~!$&'()*+,=:@/-]*$/;
/** What may be in a path as it is (RFC 3986 3.3), but for `;`: servlet containers cut a segment there. */
const ALLOWED = /^(?:[\w\-.~!$&'()*+,=:@/]|%[0-9a-f]{2})*$/i;
/**
 * Escapes that change where a path leads if they are decoded: control characters, slash, backslash, semicolon, a percent
 * sign in front of two hexadecimal digits.
 */
const MISLEADING = /%(?:[01][0-9a-f]|7f|2f|5c|3b|25[0-9a-f]{2})/i;
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

function isAmbiguousPath(uri: string): boolean {
  const end = uri.indexOf('?');
  const path = end === -1 ? uri : uri.slice(0, end);
  if (PLAIN.test(path)) return false;
  return !ALLOWED.test(path) || MISLEADING.test(path) || DOT_SEGMENT.test(path) || !isUtf8(path);
}

/** Whether escapes stand for UTF-8: overlong forms of a slash or a dot, which old decoders take, do not. */
function isUtf8(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}
