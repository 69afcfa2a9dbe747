/** The parts of a request that plugins read, as Kong's PDK returns them: headers, query arguments, the body. */
import type { HeaderList } from '../headers.js';
import { readRequestBody } from '../request-body.js';
import type { RequestContext } from '../request-context.js';
import { decodeArgs, type QueryArgs } from '../uri.js';

/** Kong's lua_max_uri_args. */
const MAX_ARGS = 100;
/** Kong's default for nginx's client_body_buffer_size: `kong.request.get_raw_body` returns no longer body. */
const BODY_BUFFER_BYTES = 8 * 1024;

/** Returns the values of a header. A missing name is tried in lower case with dashes, as OpenResty does. */
export function headerValues(headers: HeaderList, name: string): string[] {
  const values = name === name.toLowerCase() ? headers.all(name) : [];
  return values.length > 0 ? values : headers.all(name.toLowerCase().replaceAll('_', '-'));
}

/** Returns the current query arguments, including what plugins have changed. */
export function queryArgs(context: RequestContext): QueryArgs {
  return decodeArgs(context.upstream.query, MAX_ARGS);
}

/** Returns the body as `kong.request.get_raw_body` does: nothing if nginx would have put it into a file. */
export async function bufferedBody(context: RequestContext): Promise<Buffer | undefined> {
  const body = await readRequestBody(context);
  return body.length > BODY_BUFFER_BYTES ? undefined : body;
}

/** Decodes base64 as nginx does: strictly, up to the first padding. Returns undefined for anything else. */
export function decodeBase64(text: string, alphabet: 'base64' | 'base64url'): Buffer | undefined {
  const digits = text.split('=')[0] ?? '';
  const valid = alphabet === 'base64' ? /^[A-Za-z0-9+/]*$/ : /^[A-Za-z0-9_-]*$/;
  return valid.test(digits) && digits.length % 4 !== 1 ? Buffer.from(digits, alphabet) : undefined;
}
