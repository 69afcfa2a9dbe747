/** Builds error answers in Kong's own words, in the type that the client prefers (kong/tools/http.lua). */
import { HeaderList } from './headers.js';
import type { Answer } from './request-context.js';

export const JSON_TYPE = 'application/json; charset=utf-8';
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

/** Kong inserts the message without escaping. */
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

/** Messages of nginx's own errors (kong/error_handlers.lua). */
const MESSAGES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request timeout',
  411: 'Length required',
  412: 'Precondition failed',
  413: 'Payload too large',
  414: 'URI too long',
  417: 'Expectation failed',
  494: 'Request header or cookie too large',
  500: 'An unexpected error occurred',
  502: 'An invalid response was received from the upstream server',
  503: 'The upstream server is currently unavailable',
  504: 'The upstream server is timing out',
};

const TOKEN = '(?:[a-z0-9][a-z0-9\\-!#$&^_+.]+|\\*)';
const ACCEPTED = new RegExp(
  `^(${TOKEN}/${TOKEN})(?:\\s*;\\s*q=(1(?:\\.0{0,3})?|0(?:\\.\\d{0,3})?)|\\s*;\\s*[a-z0-9][a-z0-9\\-!#$&^_+.]+(?:=[^;]*)?)*`,
  'i',
);

/** The parts of a request that an error answer needs. */
export interface Asked {
  id: string;
  /** The request's headers. */
  headers: HeaderList;
}

/** Returns the type and body of `kong.response.error`: JSON unless the client prefers another type. */
export function errorContent({ id, headers }: Asked, message: string): { type: string; body: string } {
  return contentOf(bestType(headers.all('accept').join(',')), message, id);
}

/** Builds the answer to an error of Kong's own, without the headers that plugins set. */
export function kongError(asked: Asked, status: number, message: string): Answer {
  return answerOf(status, errorContent(asked, message));
}

/** Builds the answer to an nginx error: on the way to the service, or for a request that no plugin has seen. */
export function nginxError({ id, headers }: Asked, status: number): Answer {
  const wanted = headers.get('accept') ?? headers.get('content-type') ?? 'text/plain';
  const message = MESSAGES[status] ?? `The upstream server responded with ${status}`;
  return answerOf(status, contentOf(bestType(wanted), message, id));
}

function contentOf(type: string, message: string, id: string): { type: string; body: string } {
  return { type, body: BODIES[type]?.(message, id) ?? '' };
}

function answerOf(status: number, { type, body }: { type: string; body: string }): Answer {
  const headers = new HeaderList();
  headers.set('Content-Type', [type]);
  return { status, headers, body: Buffer.from(body) };
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
