/**
 * The page that shows what a gateway does (kong/page): its files, and the headers that keep it from loading anything from
 * elsewhere or running what a client wrote. Served by the operator's port and by `npm start`.
 */
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join, resolve } from 'node:path';

/** The folder of the page, whether this file runs as TypeScript or from dist. */
const FOLDER = resolve(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '../page' : '../../../kong/page');

const TYPES = { css: 'text/css', html: 'text/html', js: 'text/javascript', svg: 'image/svg+xml' } as const;

/** What can be asked for. Nothing that a client sends becomes part of a file's path. */
const FILES: Readonly<Record<string, string>> = {
  '/': 'index.html',
  ...Object.fromEntries(
    ['page.css', 'icon.svg', 'page.js', 'dom.js', 'requests.js', 'panels.js', 'rules.js'].map((name) => [
      `/page/${name}`,
      name,
    ]),
  ),
};

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** Sends a file of the page. @returns false if there is none at this path, and nothing was sent */
export function servePage(path: string, response: ServerResponse): boolean {
  const name = Object.hasOwn(FILES, path) ? FILES[path] : undefined;
  if (name === undefined) return false;
  const type = TYPES[name.slice(name.lastIndexOf('.') + 1) as keyof typeof TYPES];
  // Read anew each time: it is looked at rarely, and a process that nobody looks at keeps none of it.
  const content = readFileSync(join(FOLDER, name));
  response.writeHead(200, { ...HEADERS, 'Content-Type': `${type}; charset=utf-8` });
  response.end(content);
  return true;
}
