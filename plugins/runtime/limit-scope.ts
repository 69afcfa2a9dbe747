/** Reads in the log phase what the body of a 429 says about the limit. */
import { limitScope, MAX_ERROR_BYTES } from '../shared/genesys-limit.js';
import { codingsOf, decodeBody } from '../shared/http/content-coding.js';
import { RESPONSE_MARKER } from '../shared/response-marker.js';
import type { Reader } from './step.js';

/** The first two bytes of gzip (RFC 1952 2.3.1). */
const GZIP_MAGIC = 0x1f8b;

/** Returns whom the limit concerns; undefined if the body does not say, or was not buffered and so cannot be read. */
export async function readLimitScope(event: Reader): Promise<ReturnType<typeof limitScope>> {
  if ((await event.ctx.shared.get(RESPONSE_MARKER)) !== true) return undefined;
  const [body, encoding] = await Promise.all([
    event.service.response.getRawBody(MAX_ERROR_BYTES).catch(() => Buffer.alloc(0)),
    event.response.getHeader('content-encoding'),
  ]);
  // Another plugin may have answered with a plain body in place of the service's.
  const codings = body.length > 1 && body.readUInt16BE(0) === GZIP_MAGIC ? ['gzip'] : codingsOf([encoding ?? '']);
  const plain = await decodeBody(body, codings, MAX_ERROR_BYTES).catch(() => body);
  return limitScope(plain.toString('utf8'));
}
