/**
 * The access phase: marks the request as seen, and keeps its body for the log phase if that is asked for. It refuses only
 * what the request guard does; what cannot be kept is not logged.
 */
import { randomBytes } from 'node:crypto';
import { readGuarded, refusalOf, refuseRequest } from '../shared/http/request-guard.js';
import type { Kong } from '../shared/pdk.js';
import { HARD_LIMIT, WINDOW } from './body/body.js';
import { declaredKind, parseMediaType } from './body/kind.js';
import type { Requests } from './requests.js';

/**
 * Under this key of `ctx.shared` stands the id of the request. The process' own: should both variants of the plugin be on a
 * route, neither takes the other's mark.
 */
export const REQUEST_MARKER = `genesys_pii_log_${randomBytes(8).toString('hex')}`;

/** What the access phase of one configuration needs. */
export interface Access {
  requests: Requests;
  logsBody: boolean;
}

/** Runs the access phase. */
export async function handleAccess(kong: Kong, { requests, logsBody }: Access): Promise<void> {
  const id = requests.begin();
  void kong.ctx.shared.set(REQUEST_MARKER, id);
  const header = (name: string) => (logsBody ? kong.request.getHeader(name) : undefined);
  const [connection, upstreamUri, length, transferEncoding, contentType, contentEncoding] = await Promise.all([
    ...readGuarded(kong),
    header('content-length'),
    header('transfer-encoding'),
    header('content-type'),
    header('content-encoding'),
  ]);
  // Before the body is read: Kong sends a body that was read even if its length has gone with the Connection header.
  const refusal = refusalOf({ connection, upstreamUri });
  if (refusal !== undefined) return refuseRequest(kong, refusal);
  if (!logsBody) return;
  // HTTP/2 needs neither a length nor an encoding.
  const hasBody =
    length === undefined ? transferEncoding !== undefined || contentType !== undefined : Number(length) > 0;
  if (!hasBody) return;
  const declared = { contentType, contentEncoding };
  const isUnread = declaredKind(parseMediaType(contentType)) === 'binary' || Number(length ?? 0) > HARD_LIMIT;
  if (isUnread) {
    if (length !== undefined) requests.keep(id, { bytes: Buffer.alloc(0), size: Number(length), ...declared });
    return;
  }
  let bytes: Buffer;
  try {
    bytes = await kong.request.getRawBody(HARD_LIMIT);
  } catch {
    // Larger than may be read, or not readable: the service may still take it.
    if (length !== undefined) requests.keep(id, { bytes: Buffer.alloc(0), size: Number(length), ...declared });
    return;
  }
  if (bytes.length === 0) return;
  // A copy of the beginning, so that the rest, and the frame it came in, can go.
  requests.keep(id, { bytes: Buffer.from(bytes.subarray(0, WINDOW)), size: bytes.length, ...declared });
}
