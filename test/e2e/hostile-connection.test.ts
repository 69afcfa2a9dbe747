/**
 * What a client says of its connection. Kong clears every header that `Connection` names after all plugins have run: with
 * the length of a body, its bytes become the service's next request, and the next client's request is glued to them, with
 * the gateway's token. Such requests are refused before anything reaches the service, by the configuration that ships and
 * by each plugin alone; websockets and event streams work.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../../kong/testbed/unless.js';
import { exchange, RawConnection, type RawMessage, rawMessage } from '../support/raw-connection.js';
import { http2Exchange } from '../support/raw-http2.js';
import { KONG_ONLY, LUA_ONLY } from './gateway.js';
import {
  ALONE,
  type Attacked,
  alonePath,
  attackAlone,
  attackShipped,
  expectNothingReaches,
  expectRefused,
  KEYS,
  namedIn,
} from './hostile-gateway.js';

/** A request without its end: what the service reads next would become a part of it. */
const SMUGGLED = 'DELETE /smuggled HTTP/1.1\r\nHost: service\r\nX-Ignored: ';

const OTHERS = Array.from({ length: 150 }, (_, index) => `X-Other-${index}: ${index}`);

/** Lines by which more than the connection is named. */
const NAMING: [what: string, lines: string[]][] = [
  ...[
    ...['content-length', 'Content-Length', 'CONTENT-LENGTH', 'keep-alive, content-length', 'close,content-length'],
    ...[
      ',content-length',
      'content-length,',
      ', ,content-length',
      'keep-alive,\tcontent-length',
      'content-length\t,te',
    ],
    ...['keep-alive , content-length , te', 'te,upgrade,content-length', 'close, close, Content-Length'],
    ...['authorization', 'Authorization', 'apikey', 'host', 'transfer-encoding', 'content-type', 'cookie', 'expect'],
    ...['x-consumer-id', 'x-consumer-username', 'x-consumer-custom-id', 'x-consumer-groups', 'x-credential-identifier'],
    ...['te, authorization', 'x-correlation-id', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'],
    ...[
      'x-kong-request-id',
      'x-marker',
      'x-of-nobody',
      '*',
      '"content-length"',
      'close;content-length',
      'keep-alive x',
    ],
  ].map((value): [string, string[]] => [JSON.stringify(value), [`Connection: ${value}`]]),
  ['a name in capitals', ['CONNECTION: content-length']],
  ['two lines, the first benign', ['Connection: keep-alive', 'Connection: content-length']],
  ['two lines, the last benign', ['Connection: content-length', 'Connection: keep-alive']],
  ['an empty line before it', ['Connection:', 'Connection: content-length']],
  ['a line behind 150 others', [...OTHERS, 'Connection: content-length']],
  ['a line each side of 150 others', ['Connection: keep-alive', ...OTHERS, 'Connection: content-length']],
];

/** All that a client may say. */
const ALLOWED = [
  'keep-alive',
  'Keep-Alive',
  'close',
  'te',
  'TE, keep-alive',
  'upgrade',
  'HTTP2-Settings, close',
  ', te,',
];

const OVER_HTTP2 = 'over HTTP/2, which has no such header (skipped without GATEWAY=kong: it needs a TLS port)';

/** As over HTTP/1.1: nothing of the hostile request reaches the service, and the one behind it gets its own answer. */
async function expectRefusedOverHttp2({ gateway, service }: Attacked, path: string): Promise<void> {
  const headers = [
    ['apikey', KEYS.reader],
    ['content-type', 'application/json'],
  ] as const;
  const good = { method: 'POST', path, headers, body: '{}' };
  for (const named of ['content-length', 'authorization', 'close, content-length']) {
    for (const length of [[], [['content-length', String(SMUGGLED.length)] as const]]) {
      service.reset();
      const hostile = { ...good, headers: [...headers, ...length, ['connection', named] as const], body: SMUGGLED };
      const [refused, after] = await http2Exchange(gateway.native?.tlsUrl ?? '', [hostile, good]);
      expect(refused).toMatchObject({ status: 400, body: expect.stringContaining('gateway.request.refused') });
      expect(after?.status, after?.body).toBe(200);
      expect(service.requests.map(({ method, body }) => [method, body])).toEqual([['POST', '{}']]);
    }
  }
}

describe('a request that names more than its connection', () => {
  describe('to the configuration that ships', () => {
    let attacked: Attacked & { token: string };
    beforeAll(async () => {
      attacked = await attackShipped();
    });
    afterAll(() => attacked?.close());

    const key = (name: keyof typeof KEYS): string[] => [`apikey: ${KEYS[name]}`];
    const json = 'Content-Type: application/json';
    const bearer = (): string[] => [`Authorization: Bearer ${attacked.token}`];

    it.each(NAMING)('with %s is refused, whatever its body', async (_what, lines) => {
      for (const framing of ['chunked', 'plain'] as const) {
        const target = { method: 'POST', path: '/api/v2/analytics/conversations/details/query', framing };
        const good = { ...target, lines: [...key('reader'), json], body: '{}' };
        const hostile = attacked.message({ ...target, lines: [...key('reader'), json, ...lines], body: SMUGGLED });
        await expectNothingReaches(attacked, hostile.bytes, good);
      }
      const read = { path: '/api/v2/users', lines: key('reader') };
      const hostile = attacked.message({ path: '/api/v2/users', lines: [...key('reader'), ...lines] });
      await expectNothingReaches(attacked, hostile.bytes, read);
    });

    it.each<[string, () => RawMessage]>([
      ['read', () => ({ path: '/api/v2/users', lines: key('both') })],
      ['read with a token of the gateway', () => ({ path: '/api/v2/users', lines: bearer() })],
      ['read with a body', () => ({ path: '/api/v2/users', lines: key('both'), framing: 'chunked', body: SMUGGLED })],
      [
        'write',
        () => ({ method: 'PUT', path: '/api/v2/users/1', lines: key('writer'), framing: 'chunked', body: '{}' }),
      ],
      ['write with a token', () => ({ method: 'PATCH', path: '/api/v2/users/1', lines: bearer(), framing: 'chunked' })],
      [
        'bulk query',
        () => ({
          method: 'POST',
          path: '/api/v2/analytics/conversations/details/query',
          lines: key('reader'),
          framing: 'chunked',
        }),
      ],
      ['directory', () => ({ path: '/directory', lines: key('both') })],
      ['named path', () => ({ path: '/api/v2/routing/queues', lines: key('named') })],
      ['reference data', () => ({ path: '/api/v2/routing/skills', lines: key('both') })],
      ['Data Action', () => ({ method: 'POST', path: '/external/crm/x', lines: key('both'), framing: 'chunked' })],
    ])('is refused on every route: %s', async (_what, message) => {
      for (const named of ['content-length', 'authorization']) {
        attacked.service.reset();
        const { lines = [], ...rest } = message();
        const bytes = rawMessage({ ...rest, lines: [...lines, `Connection: ${named}`] });
        expectRefused((await exchange(attacked.gateway.url, [bytes]))[0]);
        expect(attacked.service.requests).toEqual([]);
      }
    });

    it('is refused without a key, and without a route', unless(LUA_ONLY), async () => {
      for (const path of ['/api/v2/users', '/oauth/token', '/nowhere']) {
        const [answer] = await exchange(attacked.gateway.url, [
          rawMessage({ path, lines: ['Connection: x-anything'] }),
        ]);
        expectRefused(answer);
      }
    });

    it(`is refused ${OVER_HTTP2}`, unless(KONG_ONLY), () =>
      expectRefusedOverHttp2(attacked, '/api/v2/analytics/conversations/details/query'),
    );

    it.each(ALLOWED)('passes if it does not: %s', async (value) => {
      const good = attacked.message({ path: '/api/v2/users', lines: [...key('reader'), `Connection: ${value}`] });
      expect(namedIn((await exchange(attacked.gateway.url, [good.bytes]))[0])?.id).toBe(good.marker);
    });
  });

  describe('where one plugin is alone', () => {
    let attacked: Attacked;
    beforeAll(async () => {
      attacked = await attackAlone();
    });
    afterAll(() => attacked?.close());

    describe.each(ALONE)('%s', (plugin) => {
      const target = { method: 'POST', path: `${alonePath(plugin)}x`, lines: ['Content-Type: application/json'] };

      it.each(NAMING)('refuses %s, whatever its body', async (_what, lines) => {
        for (const framing of ['chunked', 'plain'] as const) {
          const hostile = attacked.message({ ...target, framing, lines: [...target.lines, ...lines], body: SMUGGLED });
          await expectNothingReaches(attacked, hostile.bytes, { ...target, framing, body: '{}' });
        }
      });

      it(`refuses it ${OVER_HTTP2}`, unless(KONG_ONLY), () => expectRefusedOverHttp2(attacked, target.path));

      it.each(ALLOWED)('lets %s pass', async (value) => {
        const good = attacked.message({ ...target, framing: 'chunked', body: '{}', lines: [`Connection: ${value}`] });
        expect(namedIn((await exchange(attacked.gateway.url, [good.bytes]))[0])?.id).toBe(good.marker);
        expect(attacked.service.requests.at(-1)?.body).toBe('{}');
      });
    });

    // Without these, all of the above would pass on a gateway that needs no protection.
    it.each([
      ['chunked', 'nothing'],
      ['plain', 'probe'],
    ] as const)('the gateway itself makes a request of a %s body, with %s on the route', async (framing, plugin) => {
      const { gateway, service, message } = attacked;
      service.reset();
      const target = { method: 'POST', path: `${alonePath(plugin)}x`, framing };
      const hostile = message({ ...target, lines: ['Connection: content-length'], body: SMUGGLED });
      expect(namedIn((await exchange(gateway.url, [hostile.bytes]))[0])?.id).toBe(hostile.marker);
      const victim = message({ path: `${alonePath(plugin)}y`, lines: ['Authorization: of the victim'] });
      const [answer] = await exchange(gateway.url, [victim.bytes]);
      const smuggled = { method: 'DELETE', url: '/smuggled' };
      expect(service.requests[1]).toMatchObject({ ...smuggled, headers: { authorization: ['of the victim'] } });
      expect(namedIn(answer)).toMatchObject(smuggled);
    });

    it('the gateway itself gives a chunked body its length where it buffers answers', async () => {
      const { gateway, service, message } = attacked;
      service.reset();
      const target = { method: 'POST', path: `${alonePath('probe')}x`, framing: 'chunked' as const };
      const { bytes } = message({ ...target, lines: ['Connection: content-length'], body: SMUGGLED });
      await exchange(gateway.url, [bytes]);
      expect(service.requests.map(({ body }) => body)).toEqual([SMUGGLED]);
    });
  });
});

describe('a connection', () => {
  let shipped: Attacked;
  let alone: Attacked;
  beforeAll(async () => {
    [shipped, alone] = [await attackShipped(), await attackAlone()];
  });
  afterAll(async () => {
    await shipped?.close();
    await alone?.close();
  });

  const UNBUFFERED = ['genesys-token-manager', 'genesys-quota'];
  const paths = (plugins: readonly string[]) => ['/api/v2/x', ...plugins.map((plugin) => `${alonePath(plugin)}x`)];
  const attackedAt = (path: string): Attacked => (path.startsWith('/api') ? shipped : alone);

  it.each(paths([...UNBUFFERED, 'genesys-pii-log']))('changes its protocol on %s', async (path) => {
    for (const value of ['Upgrade', 'keep-alive, Upgrade']) {
      const { gateway, service, message } = attackedAt(path);
      service.reset();
      const connection = await RawConnection.open(gateway.url);
      const lines = [`apikey: ${KEYS.reader}`, 'Upgrade: websocket', `Connection: ${value}`];
      connection.send(message({ path, lines }).bytes);
      expect((await connection.next())?.status).toBe(101);
      connection.send('after the change');
      await connection.waitForBytes('after the change');
      connection.close();
      expect(service.requests).toHaveLength(1);
      expect(service.requests[0]?.headers.upgrade).toEqual(['websocket']);
    }
  });

  it.each(paths(UNBUFFERED))('carries a stream of events on %s', async (path) => {
    const { gateway, service, message } = attackedAt(path);
    const connection = await RawConnection.open(gateway.url);
    connection.send(
      message({ path: `${path}/events`, lines: [`apikey: ${KEYS.reader}`, 'Connection: keep-alive'] }).bytes,
    );
    await connection.waitForBytes('data: first');
    service.release();
    expect((await connection.next())?.body).toBe('data: first\n\ndata: last\n\n');
    connection.close();
  });
});
