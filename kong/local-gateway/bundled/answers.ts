/** The two ways in which Kong's own plugins end a request: `kong.response.error` and `kong.response.exit`. */
import { fromText, type HeaderList } from '../headers.js';
import { errorContent, JSON_TYPE } from '../kong-errors.js';
import type { Answer, RequestContext } from '../request-context.js';

/**
 * Builds the answer of `kong.response.error`: the message in the type that the client prefers, JSON by default. Headers
 * that plugins set before stay.
 * @throws Error for a status that Kong refuses: any outside 400 to 599
 */
export function errorAnswer(
  context: RequestContext,
  status: number,
  message: string,
  headers: readonly [string, string][] = [],
): Answer {
  if (status < 400 || status > 599) throw new Error('code must be a number between 400 and 599');
  const { type, body } = errorContent(context, message);
  return answer(context, status, Buffer.from(body), [...headers, ['Content-Type', type]]);
}

/** Builds the answer of `kong.response.exit` with a table: its JSON, without a request id. */
export function jsonAnswer(
  context: RequestContext,
  status: number,
  body: unknown,
  headers: readonly [string, string][] = [],
): Answer {
  return answer(context, status, Buffer.from(encodeJson(body)), [['Content-Type', JSON_TYPE], ...headers]);
}

/** Types to which nginx adds the charset (its default `charset_types`). Kong sets it to `charset UTF-8`. */
const CHARSET_TYPES = /^(?:text\/(?:html|xml|plain|vnd\.wap\.wml)|application\/(?:javascript|rss\+xml))$/i;

/** Builds the answer of `kong.response.exit` with a string or nothing. */
export function answer(
  context: RequestContext,
  status: number,
  body: Buffer,
  headers: readonly [string, string][],
): Answer {
  const list: HeaderList = context.early.clone();
  for (const [name, value] of headers) {
    const completed = name === 'Content-Type' && CHARSET_TYPES.test(value) ? `${value}; charset=UTF-8` : value;
    list.set(name, [fromText(completed)]);
  }
  return { status, headers: list, body };
}

/** Encodes JSON as Kong's lua-cjson does: numbers keep 14 significant digits. */
export function encodeJson(value: unknown): string {
  const shorten = (_key: string, item: unknown): unknown =>
    typeof item === 'number' ? Number(item.toPrecision(14)) : item;
  return JSON.stringify(value, shorten).replaceAll('\x7f', '\\u007f');
}
