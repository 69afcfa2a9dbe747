/** The page's files: how much they are, that each is found, and what comes with them. */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { servePage } from './page.js';

const FOLDER = join(import.meta.dirname, '../page');
const FILES = readdirSync(FOLDER).filter((name) => /\.(css|html|js|svg)$/.test(name));

let server: Server;
let url: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    if (!servePage(request.url ?? '', response)) response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

it('is under 100 KB in all', () => {
  const bytes = FILES.reduce((sum, name) => sum + readFileSync(join(FOLDER, name)).length, 0);
  expect(bytes).toBeLessThan(100_000);
});

it.each(FILES)('serves %s, which may load nothing from elsewhere', async (name) => {
  const response = await fetch(name === 'index.html' ? `${url}/` : `${url}/page/${name}`);
  expect(response.status).toBe(200);
  expect(await response.text()).toBe(readFileSync(join(FOLDER, name), 'utf8'));
  const policy = response.headers.get('content-security-policy')?.split('; ') ?? [];
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("require-trusted-types-for 'script'");
  expect(policy.join()).not.toMatch(/unsafe|https?:|\*|data:/);
});

it.each(['/page/README.md', '/page/tsconfig.json', '/page/', '/page/toString', '/index.html', '/page/../page.css'])(
  'does not serve %s',
  async (path) => {
    const response = await fetch(`${url}${path}`);
    expect(response.status).toBe(404);
  },
);
