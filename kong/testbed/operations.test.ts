/** The committed list is what the SDK gives, and kong.yml has the routes that come of it. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { DATA, type ReadingPosts, readingPosts, readOperations, routePaths } from './operations.js';

const { paths, sdk } = JSON.parse(readFileSync(DATA, 'utf8')) as ReadingPosts;

it('the list is what the installed SDK gives', () => {
  expect({ sdk, paths }).toEqual(readingPosts());
  expect(paths.length).toBeGreaterThan(100);
});

it('kong.yml has the routes of the list, for both prefixes', () => {
  const text = readFileSync(join(resolve(import.meta.dirname, '../..'), 'kong/kong.yml'), 'utf8');
  const { services } = parse(text, { merge: true }) as {
    services: { routes: { name: string; methods: string[]; paths: string[] }[] }[];
  };
  const routes = new Map(services.flatMap((service) => service.routes.map((route) => [route.name, route])));
  for (const by of ['', '-bearer']) {
    expect(routes.get(`genesys-cloud-queries${by}`)).toMatchObject({ methods: ['POST'], paths: routePaths(paths) });
  }
});

it('the patterns match the operations of the list, and no other POST that the SDK knows', () => {
  // JavaScript writes the names of groups in another way than PCRE.
  const patterns = routePaths(paths).map((pattern) => new RegExp(`^${pattern.slice(1).replace('(?P<', '(?<')}`));
  const posts = readOperations().filter(({ method }) => method === 'POST');
  const matched = posts.filter(({ path }) => {
    const concrete = path.replace(/\{[^}]*\}/g, '0b5d6a7e-1000-4000-8000-000000000001');
    return patterns.some((pattern) => pattern.test(concrete));
  });
  expect(matched.map(({ path }) => path).sort()).toEqual(paths);
});
