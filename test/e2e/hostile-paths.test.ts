/**
 * Paths that are one to Kong's acl and another to a lenient service: refused before anything reaches the service, by the
 * configuration that ships and by each plugin alone. And who may reach what depends on the consumer: not on where a prefix
 * ends, nor on any spelling of the host.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange, type RawAnswer, type RawMessage } from '../support/raw-connection.js';
import { GATEWAY_KIND } from './gateway.js';
import {
  ALONE,
  type Attacked,
  alonePath,
  attackAlone,
  attackShipped,
  expectNothingReaches,
  expectRefused,
  KEYS,
} from './hostile-gateway.js';

/** Ways from a prefix to `/users` next to it, for a service that decodes, cuts or resolves more than Kong. */
const WAYS_OUT = [
  ...[
    '/..%2fusers',
    '/..%2Fusers',
    '%2f..%2fusers',
    '%2F../users',
    '/%2e%2e%2fusers',
    '/%2E%2E%2Fusers',
    '/x/..%2f..%2fusers',
  ],
  ...[
    '/..;/users',
    '/..;a=b/users',
    '/%2e%2e;/users',
    '/.%2e;/users',
    '/..%3b/users',
    '/..%3B/users',
    ';/../users/..;/users',
  ],
  ...['/..%5cusers', '%5c..%5cusers', '/..\\users', '/%2e%2e%5Cusers'],
  ...[
    '/..%252fusers',
    '/%252e%252e/users',
    '/..%255cusers',
    '/%252e%252e%252fusers',
    '/..%25252fusers',
    '/..%253b/users',
  ],
  ...['/..%0a/users', '/..%0d%0a/users', '/..%09/users', '/..%7f/users'],
];

/** For decoders that take what is no UTF-8; Kong has no route for such a path, if no plugin comes before its router. */
const NO_UTF8 = [
  ...['/..%c0%afusers', '/..%C1%9cusers', '/%c0%ae%c0%ae/users', '/..%e0%80%afusers', '/%e0%80%ae./users'],
  ...['/..%f0%80%80%afusers', '/..%f8%80%80%80%afusers', '/..%ffusers', '/..%c3/users'],
];

/** Nginx refuses these itself, in its own words. */
const NO_PATHS = ['/..%00/users', '/..%u002fusers', '/..%2/users', '/..%/users', '/..%zz/users'];

/** Tries them all after a prefix. */
async function expectNoWayOut(
  attacked: Attacked,
  prefix: string,
  rest: Omit<RawMessage, 'path'> = {},
  ways: readonly string[] = WAYS_OUT,
): Promise<void> {
  for (const way of [...ways, ...NO_UTF8, ...NO_PATHS]) {
    const expectAnswer = (answer: RawAnswer | undefined): void => {
      // Without a slash after the prefix another route's acl may come first, where no pre-function has.
      const isElsewhere = GATEWAY_KIND === 'local' && !way.startsWith('/');
      if (isElsewhere) expect([400, 403, 404]).toContain(answer?.status);
      else if (NO_UTF8.includes(way)) expect([400, 404]).toContain(answer?.status);
      else if (NO_PATHS.includes(way)) expect(answer?.status).toBe(400);
      else expectRefused(answer);
    };
    const hostile = attacked.message({ ...rest, path: `${prefix}${way}` });
    await expectNothingReaches(attacked, hostile.bytes, { ...rest, path: `${prefix}/x` }, expectAnswer).catch(
      (error) => {
        throw new Error(`${prefix}${way}: ${String(error)}`);
      },
    );
  }
}

const json = 'Content-Type: application/json';

describe('a path with a way out of its prefix', () => {
  describe('in the configuration that ships', () => {
    let attacked: Attacked & { token: string };
    beforeAll(async () => {
      attacked = await attackShipped();
    });
    afterAll(() => attacked?.close());

    it.each<[string, string, string, keyof typeof KEYS]>([
      ['an acl', 'POST', '/api/v2/analytics', 'both'],
      ['an acl and 30 s for an answer', 'GET', '/api/v2/analytics', 'reader'],
      ['an acl and a path of its own at the service', 'GET', '/directory', 'reader'],
      ['an acl and a static credential, for Data Actions', 'POST', '/external/crm', 'both'],
    ])('is refused where it has %s', async (_what, method, prefix, who) => {
      const lines = [`apikey: ${KEYS[who]}`, json];
      await expectNoWayOut(attacked, prefix, { method, lines, framing: 'plain', body: '{}' });
    });

    it('is no longer one where a prefix ends in the middle of a segment', async () => {
      const { gateway, service, message } = attacked;
      service.reset();
      const post = { method: 'POST', lines: [`apikey: ${KEYS.reader}`, json], framing: 'plain' as const, body: '{}' };
      const statuses = [];
      for (const path of [
        '/api/v2/analyticsx',
        '/api/v2/recording/jobsx',
        '/directoryx',
        '/external/crmx',
        '/api/v2x',
      ]) {
        const [answer] = await exchange(gateway.url, [message({ ...post, path }).bytes]);
        statuses.push(answer?.status);
      }
      // The first two are writes, which a reader may not.
      expect(statuses).toEqual([403, 403, 404, 404, 404]);
      expect(service.requests).toEqual([]);
    });

    it.each([
      ...['NAMED.GATEWAY.INTERNAL', 'named.gateway.internal.', 'named.gateway.internal:', 'x@named.gateway.internal'],
      ...['named.gateway.internal:8000', 'gateway', '', '127.0.0.1', '[::1]', 'gateway, named.gateway.internal'],
    ])('leads a consumer of named paths to nothing else, as host "%s"', async (host) => {
      const { gateway, service, message } = attacked;
      service.reset();
      const forwarded = ['X-Forwarded-Host: gateway', 'X-Forwarded-Prefix: /api/v2', 'Forwarded: host=gateway'];
      const lines = [`apikey: ${KEYS.named}`, ...forwarded];
      for (const path of [
        '/api/v2/users',
        '/api/v2/analytics/x',
        '/directory',
        '/api/api/v2/users',
        '/external/crm/x',
      ]) {
        for (const target of [path, `http://gateway${path}`, `http://${host || 'x'}${path}`]) {
          for (const method of ['GET', 'POST', 'DELETE', 'FOO']) {
            const bytes = message({ method, path: target, host, lines: [...lines, 'Connection: close'] }).bytes;
            const [answer] = await exchange(gateway.url, [bytes]);
            expect([400, 403, 404], `${method} ${target}: ${answer?.body}`).toContain(answer?.status);
          }
        }
      }
      expect(service.requests).toEqual([]);
    });

    it('leads a consumer of named paths to these, under any host', async () => {
      const { gateway, message } = attacked;
      const lines = [`apikey: ${KEYS.named}`];
      const named = message({ path: '/api/v2/routing/queues', host: 'any.where', lines });
      expect((await exchange(gateway.url, [named.bytes]))[0]?.status).toBe(200);
    });
  });

  describe('where one plugin is alone', () => {
    let attacked: Attacked;
    beforeAll(async () => {
      attacked = await attackAlone();
    });
    afterAll(() => attacked?.close());

    it.each(ALONE)('is refused by %s', async (plugin) => {
      await expectNoWayOut(
        attacked,
        alonePath(plugin).slice(0, -1),
        {},
        WAYS_OUT.filter((way) => way.startsWith('/')),
      );
    });
  });
});
