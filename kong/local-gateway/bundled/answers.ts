/** The two ways in which Kong's own plugins end a request: `kong.response.error` and `kong.response.exit`. */
import { fromText, type HeaderList } from '../headers.js';
import type { Answer, RequestContext } from '../request-context.js';

const JSON_TYPE = 'application/json; charset=utf-8';
const PLAIN_TYPE = 'text/plain; charset=utf-8';
const HTML_TYPE = 'text/html; charset=utf-8';
const XML_TYPE = 'application/xml; charset=utf-8';

const TYPES: Readonly<Record<string, string>> = {
  'application/json': JSON_TYPE,
  'application/*': JSON_TYPE,
  'application/xml': XML_TYPE,
  'text/html': HTML_TYPE,
  'text/plain': PLAIN_TYPE,
  'text/*': PLAIN_TYPE,
};

/** Kong puts the message in as it stands, without escaping. */
const BODIES: Readonly<Record<string, (message: string, id: string) => string>> = {
  [JSON_TYPE]: (message, id) => `{\n  "message":"${message}",\n  "request_id":"${id}"\n}`,
  [PLAIN_TYPE]: (message, id) => `${message}\nrequest_id: ${id}\n`,
  [HTML_TYPE]: (message, id) =>
    [
      ...['<!doctype html>', '<html>', '  <head>', '    <meta charset="utf-8">', '    <title>Error</title>'],
      ...['  </head>', '  <body>', '    <h1>Error</h1>', `    <p>${message}.</p>`, `    <p>request_id: ${id}</p>`],
      ...['  </body>', '</html>', ''],
    ].join('\n'),
  [XML_TYPE]: (message, id) =>
    [
      ...['<?xml version="1.0" encoding="UTF-8"?>', '<error>', `  <message>${message}</message>`],
      ...[`  <requestid>${id}</requestid>`, '</error>', ''],
    ].join('\n'),
};

const TOKEN = '(?:[a-z0-9][a-z0-9\\-!#$&^_+.]+|\\*)';
const ACCEPTED = new RegExp(
  `^(${TOKEN}/${TOKEN})(?:\\s*;\\s*q=(1(?:\\.0{0,3})?|0(?:\\.\\d{0,3})?)|\\s*;\\s*[a-z0-9][a-z0-9\\-!#$&^_+.]+(?:=[^;]*)?)*`,
  'i',
);

/**
 * What `kong.response.error` answers: the message in the type that the client accepts best, JSON by default
 * (kong/tools/http.lua). Headers that plugins set before stay.
 * @throws Error for a status that Kong refuses, which is not 400 to 599
 */
export function errorAnswer(
  context: RequestContext,
  status: number,
  message: string,
  headers: readonly [string, string][] = [],
): Answer {
  if (status < 400 || status > 599) throw new Error('code must be a number between 400 and 599');
  const type = bestType(context.headers.all('accept').join(','));
  const body = BODIES[type]?.(message, context.id) ?? '';
  return answer(context, status, Buffer.from(body), [...headers, ['Content-Type', type]]);
}

/** What `kong.response.exit` answers to a table: its JSON, without a request id. */
export function jsonAnswer(
  context: RequestContext,
  status: number,
  body: unknown,
  headers: readonly [string, string][] = [],
): Answer {
  return answer(context, status, Buffer.from(encodeJson(body)), [['Content-Type', JSON_TYPE], ...headers]);
}

/** The types to which nginx, set to `charset UTF-8` by Kong, adds it (its default `charset_types`). */
const CHARSET_TYPES = /^(?:text\/(?:html|xml|plain|vnd\.wap\.wml)|application\/(?:javascript|rss\+xml))$/i;

/** What `kong.response.exit` answers to a string or to nothing. */
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

/** JSON as Kong's lua-cjson writes it: numbers lose what is beyond 14 significant digits. */
export function encodeJson(value: unknown): string {
  const shorten = (_key: string, item: unknown): unknown =>
    typeof item === 'number' ? Number(item.toPrecision(14)) : item;
  return JSON.stringify(value, shorten).replaceAll('\x7f', '\\u007f');
}

function bestType(accept: string): string {
  let [best, bestQuality] = [JSON_TYPE, 0];
  for (const part of accept.split(',')) {
    const [, type, quality = '1'] = ACCEPTED.exec(part.trim()) ?? [];
    if (type === undefined || Number(quality) <= bestQuality) continue;
    [best, bestQuality] = [TYPES[type] ?? JSON_TYPE, Number(quality)];
  }
  return best;
}
