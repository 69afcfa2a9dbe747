/** Answers what nginx refuses before Kong sees a request: Kong's words where it has some, or else nginx's page. */
import { randomBytes } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { HeaderList } from './headers.js';
import { nginxError } from './kong-errors.js';
import type { Answer } from './request-context.js';
import { HEADERS_TOO_LARGE, type Refusal } from './request-head.js';

/** Statuses for which Kong leaves the page to nginx. */
const NGINX_PAGES = new Set([501, 505]);

/** Returns the whole answer. The connection ends with it. */
export function nginxRefusal({ status, method, rawHeaders }: Refusal): Buffer {
  const id = randomBytes(16).toString('hex');
  const { headers, body } = NGINX_PAGES.has(status)
    ? nginxPage(status)
    : nginxError({ id, headers: HeaderList.from(rawHeaders) }, status);
  const sent = status === HEADERS_TOO_LARGE ? 400 : status;
  headers.set('Date', [new Date().toUTCString()]);
  headers.set('Content-Length', [String(body.length)]);
  headers.set('Connection', ['close']);
  headers.set('Server', ['kong/3.9.3']);
  headers.set('X-Kong-Request-Id', [id]);
  const lines = headers.entries().map(([name, value]) => `${name}: ${value}`);
  const head = [`HTTP/1.1 ${sent} ${STATUS_CODES[sent]}`, ...lines].join('\r\n');
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`, 'latin1'), method === 'HEAD' ? Buffer.alloc(0) : body]);
}

function nginxPage(status: number): Pick<Answer, 'headers' | 'body'> {
  const title = `${status} ${STATUS_CODES[status]}`;
  const headers = new HeaderList();
  headers.set('Content-Type', ['text/html; charset=UTF-8']);
  const page = [
    ...['<html>', `<head><title>${title}</title></head>`, '<body>', `<center><h1>${title}</h1></center>`],
    ...['</body>', '</html>', ''],
  ];
  return { headers, body: Buffer.from(page.join('\r\n')) };
}
