/** What plugins read of a request, as Kong's PDK gives it: headers, query arguments, the body. */
import type { HeaderList } from '../headers.js';
import { readRequestBody } from '../request-body.js';
import type { RequestContext } from '../request-context.js';
import { decodeArgs, type QueryArgs } from '../uri.js';

/** Kong's lua_max_uri_args. */
const MAX_ARGS = 100;
/** nginx' client_body_buffer_size, Kong's default: `kong.request.get_raw_body` gives no body over it. */
const BODY_BUFFER_BYTES = 8 * 1024;

/** The values of a header. A name that is not there is looked for in lower case with dashes, as OpenResty does. */
export function headerValues(headers: HeaderList, name: string): string[] {
  const values = name === name.toLowerCase() ? headers.all(name) : [];
  return values.length > 0 ? values : headers.all(name.toLowerCase().replaceAll('_', '-'));
}

/** The query arguments as they stand now, those a plugin has changed included. */
export function queryArgs(context: RequestContext): QueryArgs {
  return decodeArgs(context.upstream.query, MAX_ARGS);
}

/** The body as `kong.request.get_raw_body` gives it: nothing for one that nginx would have put into a file. */
export async function bufferedBody(context: RequestContext): Promise<Buffer | undefined> {
  const body = await readRequestBody(context);
  return body.length > BODY_BUFFER_BYTES ? undefined : body;
}

/** Decodes base64 as nginx does: strictly, up to the first padding; undefined for what is none. */
export function decodeBase64(text: string, alphabet: 'base64' | 'base64url'): Buffer | undefined {
  const digits = text.split('=')[0] ?? '';
  const valid = alphabet === 'base64' ? /^[A-Za-z0-9+/]*$/ : /^[A-Za-z0-9_-]*$/;
  return valid.test(digits) && digits.length % 4 !== 1 ? Buffer.from(digits, alphabet) : undefined;
}
