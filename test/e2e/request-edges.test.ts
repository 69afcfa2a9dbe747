/**
 * Requests at the edge of what HTTP allows: which of them nginx refuses, what it leaves out, and what reaches the service.
 * Each line was measured on Kong 3.9.3, so the local gateway has to do the same.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { exchange, type RawAnswer, type RawMessage, rawMessage } from '../support/raw-connection.js';
import { rawBytes } from '../support/raw-request.js';
import { type RecordingService, startRecordingService } from '../support/recording-service.js';
import { type Gateway, PROBE, startGateway } from './gateway.js';

let service: RecordingService;
let gateway: Gateway;

beforeAll(async () => {
  service = await startRecordingService();
  const readsBody = { name: 'probe', config: { access: JSON.stringify([['read-body', null]]) } };
  const routes = [
    { name: 'plain', paths: ['/rows'], strip_path: false },
    { name: 'read', paths: ['/read'], strip_path: false, plugins: [readsBody] },
    { name: 'host', paths: ['/by-host'], hosts: ['named.example'], strip_path: false },
  ];
  const config = { services: [{ name: 'recorded', url: service.url, retries: 0, routes }] };
  gateway = await startGateway({ config, plugins: [PROBE] });
});
afterAll(async () => {
  await gateway?.close();
  await service?.close();
});
beforeEach(() => service.reset());

const send = async (message: RawMessage): Promise<RawAnswer | undefined> => sendBytes(rawMessage(message));
const sendBytes = async (bytes: string): Promise<RawAnswer | undefined> => (await exchange(gateway.url, [bytes]))[0];
const statusOf = async (bytes: string): Promise<number | undefined> => (await sendBytes(bytes))?.status;
const urls = (): string[] => service.requests.map(({ url }) => url);

/** A line of this many bytes, its end included. */
const line = (name: string, bytes: number): string => `${name}: ${'x'.repeat(bytes - name.length - 4)}`;

describe('a request to change to HTTP/2, as the HttpClient of the JDK and curl --http2 send it', () => {
  const lines = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'];

  describe.each(['/rows', '/read'])('to %s', (path) => {
    it.each(['plain', 'chunked'] as const)('keeps its %s body, and its connection', async (framing) => {
      const body = 'hello '.repeat(50_000);
      const first = rawMessage({ method: 'POST', path, lines, body, framing });
      const second = rawMessage({ method: 'PUT', path: `${path}/second`, lines, body: 'again', framing });
      const answers = await exchange(gateway.url, [first, second]);
      expect(answers.map((answer) => answer?.status)).toEqual([200, 200]);
      expect(service.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
        `POST ${path}`,
        `PUT ${path}/second`,
      ]);
      expect(service.requests[0]?.body === body).toBe(true);
      expect(service.requests[1]?.body).toBe('again');
      for (const { headers } of service.requests) {
        expect(headers).not.toHaveProperty('upgrade');
        expect(headers).not.toHaveProperty('http2-settings');
      }
    });

    it.each([
      ['another protocol', ['Connection: upgrade', 'Upgrade: foo']],
      ['several', ['Connection: upgrade', 'Upgrade: websocket, h2c']],
      ['none', ['Upgrade: h2c']],
      ['it, and the end of the connection', ['Connection: Upgrade, HTTP2-Settings, close', 'Upgrade: h2c']],
      ['it, once the service expects the body', [...lines, 'Expect: 100-continue']],
    ])('keeps its body if it names %s', async (_what, said) => {
      const answer = await send({ method: 'POST', path, lines: said, body: 'hello', framing: 'plain' });
      expect(answer?.status).toBe(200);
      expect(service.requests.map(({ body }) => body)).toEqual(['hello']);
    });

    it('is a GET without a body as any other', async () => {
      expect((await send({ path, lines }))?.status).toBe(200);
      expect(service.requests[0]?.headers).not.toHaveProperty('content-length');
    });
  });
});

describe('a path', () => {
  it.each([
    ...[
      '100%',
      '%',
      '%z',
      '%zz',
      '%2',
      '%0',
      '%00',
      'a%00b',
      '%u002f',
      '%%',
      '%2%46',
      '\x01',
      '\x7f',
      '\t',
      'a b',
      '\0',
    ],
    ...['../..', '%2e%2e/%2E.', '../../etc', '..%2f..'],
  ])('/rows/%j is refused', async (rest) => {
    const answer = await send({ path: `/rows/${rest}`, lines: ['Accept: application/json'] });
    expect(answer).toMatchObject({ status: 400, headers: { connection: 'close' } });
    // nginx had not read what the client accepts.
    expect(answer?.body).toMatch(/^Bad request\nrequest_id: [0-9a-f]{32}\n$/);
    expect(urls()).toEqual([]);
  });

  it.each(['%E9', '%e9', '%ff', '%c0%af', '%ed%a0%80', '\xe9', '\x80'])('/rows/%j has no route', async (rest) => {
    const answer = await send({ path: `/rows/${rest}` });
    expect(answer?.status).toBe(404);
    expect(answer?.body).toContain('no Route matched with those values');
    expect(urls()).toEqual([]);
  });

  it.each([
    ['%C3%A9', '%C3%A9'],
    ['\xc3\xa9', '%C3%A9'],
    ['%25', '%25'],
    ['%2500', '%2500'],
    ['%2f', '%2F'],
    ['%01', '%01'],
    ['%0d%0a', '%0D%0A'],
    ['"<\\^{|}`', '%22%3C%5C%5E%7B%7C%7D%60'],
    ['#a', '#a'],
    ['?%zz', '?%zz'],
    ['?%00', '?%00'],
    ['?a#b', '?a'],
    ['?#', ''],
    ['x/../y', 'y'],
    ['///x', 'x'],
  ])('/rows/%j reaches the service as %j', async (rest, seen) => {
    expect((await send({ path: `/rows/${rest}` }))?.status).toBe(200);
    expect(urls()).toEqual([`/rows/${seen}`]);
  });

  it.each(['/../rows', '/%2e%2e/rows/x', '*', 'rows', 'gateway:80', ''])('%j as a target is refused', async (path) => {
    expect((await send({ path }))?.status).toBe(400);
  });
});

describe('a target in absolute form', () => {
  it.each([
    ...['http://gateway/rows/x', 'HTTP://gateway/rows/x', 'http://gateway:8000/rows/x', 'https://gateway/rows/x'],
    ...['ftp://gateway/rows/x', 'h2+x.y-z://gateway/rows/x', 'http://gateway:/rows/x', 'http://gateway./rows/x'],
    ...['http://GATEWAY/rows/../rows/x'],
  ])('%s is served', async (path) => {
    const answer = await send({ method: 'POST', path, host: 'other', body: 'hello', framing: 'plain' });
    expect(answer?.status).toBe(200);
    expect(service.requests).toMatchObject([
      { method: 'POST', url: '/rows/x', body: 'hello', headers: { 'x-forwarded-host': ['gateway'] } },
    ]);
  });

  it.each([
    ...['http:///rows', 'http:/rows', 'foo:bar', '1http://gateway/rows', 'gateway/rows', 'http://user@gateway/rows/x'],
    ...['http://gate_way/rows/x', 'http://gateway..x/rows/x', 'http://*/rows/x', 'http://gateway#/rows'],
    ...['http://gateway/rows/100%', 'http://gateway/rows/../..'],
  ])('%s is refused', async (path) => {
    expect((await send({ path }))?.status).toBe(400);
  });

  it('does not choose the route: the Host header does', async () => {
    expect((await send({ path: 'http://named.example/by-host', host: 'other' }))?.status).toBe(404);
    expect((await send({ path: 'http://other/by-host', host: 'named.example' }))?.status).toBe(200);
  });
});

describe('a request line', () => {
  const ofBytes = (bytes: number): string =>
    rawMessage({ path: `/rows?${'x'.repeat(bytes - 'GET /rows? HTTP/1.1\r\n'.length)}` });

  it.each([
    [8000, 200],
    [8192, 200],
    [8193, 414],
    [12_288, 414],
    [20_000, 414],
  ])('of %i bytes is answered %i', async (bytes, status) => {
    const answer = await sendBytes(ofBytes(bytes));
    expect(answer?.status).toBe(status);
    if (status === 414) expect(answer?.body).toMatch(/^URI too long\nrequest_id: /);
  });

  it.each([
    ['HTTP/1.2', 200],
    ['HTTP/1.10', 200],
    ['HTTP/1.1  ', 200],
    ['HTTP/2.0', 505],
    ['HTTP/3.0', 505],
    ['HTTP/0.9', 400],
    ['HTTP/1', 400],
    ['HTTP/01.1', 400],
    ['http/1.1', 400],
    ['FOO/1.1', 400],
  ])('that says %s is answered %i', async (version, status) => {
    expect(await statusOf(rawMessage({ path: '/rows' }).replace('HTTP/1.1', version))).toBe(status);
  });

  it.each([
    ['get', '/rows', 400],
    ['G3T', '/rows', 400],
    ['TRACE', '/rows', 405],
    ['CONNECT', '/rows', 405],
    ['CONNECT', 'gateway:80', 400],
    ['TRACE', '/rows/100%', 400],
    ['FOO', '/rows/100%', 400],
    ['FOO', '/rows/%E9', 404],
    ['OPTIONS', '*', 400],
  ])('that asks %s %s is answered %i', async (method, path, status) => {
    expect((await send({ method, path }))?.status).toBe(status);
    expect(urls()).toEqual([]);
  });

  it('is none if it is no HTTP, and needs no line feed to be refused', async () => {
    expect(await rawBytes(gateway.url, `\x16\x03\x01${'x'.repeat(200)}`)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('and what follows may end with bare line feeds', async () => {
    expect(await statusOf(`\r\n\r\n${rawMessage({ path: '/rows' }).replaceAll('\r\n', '\n')}`)).toBe(200);
  });
});

describe('the headers of a request', () => {
  const repeated = (count: number, bytes: number): string[] =>
    Array.from({ length: count }, (_, index) => line(`X-${index}`, bytes));

  it.each<[what: string, lines: string[], status: number]>([
    ['one of 8 KiB', repeated(1, 8192), 200],
    ['one a byte longer', repeated(1, 8193), 400],
    ['one of 9 KB', repeated(1, 9216), 400],
    ['one of 70 KB', repeated(1, 70_000), 400],
    ['a cookie of 9 KB', [line('Cookie', 9216)], 400],
    ['a name of 9 KB', [`${'x'.repeat(9216)}: 1`], 400],
    ['three of 5 KB', repeated(3, 5000), 200],
    ['five of 5 KB, each of which takes a buffer', repeated(5, 5000), 400],
    ['four of 8 KiB, and no room for the end', repeated(4, 8192), 400],
    ['998, Host and the length', Array.from({ length: 998 }, (_, index) => `h${index}: 1`), 200],
    ['1000 and Host', Array.from({ length: 1000 }, (_, index) => `h${index}: 1`), 400],
  ])('%s', async (_what, lines, status) => {
    for (const body of ['', 'hello']) {
      const answer = await send({ method: 'POST', path: '/rows', lines, framing: 'plain', body });
      expect(answer?.status).toBe(status);
      if (status === 400) expect(answer?.body).toMatch(/^Request header or cookie too large\nrequest_id: /);
    }
  });

  it.each([
    ...['X.Name', '.', 'X/Name', 'X;Name', 'X@Name', '"X"', 'X!', 'X#', 'X$', 'X%', 'X&', "X'", 'X*', 'X+', 'X^', 'X`'],
    ...['X|', 'X~', 'X(', 'X)', 'X,', 'X<', 'X=', 'X>', 'X?', 'X[', 'X\\', 'X]', 'X{', 'X}', 'X\xe9'],
    ...['Content.Length', 'Transfer.Encoding', 'Host.', 'apikey.'],
  ])('one named %j is left out', async (name) => {
    expect((await send({ path: '/rows', lines: [`${name}: 5`, 'X-After: kept'] }))?.status).toBe(200);
    const [{ headers } = { headers: {} as Record<string, string[]> }] = service.requests;
    expect(Object.keys(headers)).not.toContain(name.toLowerCase());
    expect(headers['x-after']).toEqual(['kept']);
  });

  it.each(['X_Name', '-', '_', '1'])('one named %j goes on', async (name) => {
    await send({ path: '/rows', lines: [`${name}: 5`] });
    expect(service.requests[0]?.headers[name.toLowerCase()]).toEqual(['5']);
  });

  it.each([
    ...['X Name: 1', 'X : 1', 'Content-Length : 0', ': 1', ' X: 1', 'X\t: 1', 'X\0: 1', 'X\x01: 1', 'X\x7f: 1'],
    ...['X: a\0b', 'X: a\rb', 'X: a\r\n b'],
  ])('the line %j is refused', async (text) => {
    expect((await send({ path: '/rows', lines: [text] }))?.status).toBe(400);
    expect(urls()).toEqual([]);
  });

  it('a line without a colon is a header without a value', async () => {
    await send({ path: '/rows', lines: ['nothing'] });
    expect(service.requests[0]?.headers.nothing).toEqual(['']);
  });

  it('an expectation that nobody knows does not matter', async () => {
    expect((await send({ path: '/rows', lines: ['Expect: something'] }))?.status).toBe(200);
  });
});

describe('a host', () => {
  it.each(['', 'a b', 'a/b', 'a..b', '.', ':80', 'a\x01b'])('%j is refused', async (host) => {
    expect((await send({ path: '/rows', host }))?.status).toBe(400);
  });

  it.each([
    ['a.', 'a'],
    ['a:b', 'a'],
    ['NAMED.example:1', 'named.example'],
    ['[::1]', '[::1]'],
    ['[::1', '[::1'],
    ['a_b', 'a_b'],
  ])('%j is forwarded as %j', async (host, forwarded) => {
    expect((await send({ path: '/rows', host }))?.status).toBe(200);
    expect(service.requests[0]?.headers['x-forwarded-host']).toEqual([forwarded]);
  });

  it('that is no UTF-8 has no route', async () => {
    expect((await send({ path: '/rows', host: '\xe9' }))?.status).toBe(404);
  });

  it('is needed once in HTTP/1.1, and not in HTTP/1.0', async () => {
    expect(await statusOf('GET /rows HTTP/1.1\r\n\r\n')).toBe(400);
    expect((await send({ path: '/rows', lines: ['Host: other'] }))?.status).toBe(400);
    expect(await statusOf('GET /rows HTTP/1.0\r\n\r\n')).toBe(200);
  });
});

describe('a client that shuts down its side', () => {
  const two = rawMessage({ path: '/read/1' }) + rawMessage({ path: '/read/2' });
  const statusesIn = (bytes: string): string[] =>
    [...bytes.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, code = '']) => code);

  it('gets all answers where Kong buffers them, or gives them itself', async () => {
    expect(statusesIn(await rawBytes(gateway.url, two, true))).toEqual(['200', '200']);
    expect(statusesIn(await rawBytes(gateway.url, rawMessage({ path: '/nowhere' }), true))).toEqual(['404']);
  });

  it('is gone for nginx where it is not', async () => {
    expect(await rawBytes(gateway.url, rawMessage({ path: '/rows' }), true)).toBe('');
    const short = 'POST /read HTTP/1.1\r\nHost: gateway\r\nContent-Length: 20\r\n\r\nhi';
    expect(await rawBytes(gateway.url, short, true)).toBe('');
    expect(service.requests.map(({ method }) => method)).not.toContain('POST');
  });
});

describe('the length of a body', () => {
  it.each(['GET', 'POST', 'DELETE', 'OPTIONS'])('is not sent with %s if the client told of none', async (method) => {
    for (const path of ['/rows', '/read']) expect((await send({ method, path }))?.status).toBe(200);
    for (const { headers } of service.requests) {
      expect(headers).not.toHaveProperty('content-length');
      expect(headers).not.toHaveProperty('transfer-encoding');
    }
  });

  const withLine = (text: string, body = 'hi'): string =>
    `POST /rows HTTP/1.1\r\nHost: gateway\r\n${text}\r\n\r\n${body}`;

  it.each(['+2', '2,2', '0x2', '2.0', '', '-1', '99999999999999999999', '2;', '2\r\nContent-Length: 2'])(
    'of %j is refused',
    async (value) => {
      expect(await statusOf(withLine(`Content-Length: ${value}`))).toBe(400);
      expect(urls()).toEqual([]);
    },
  );

  it.each(['identity', 'gzip', 'gzip, chunked', 'chunked, chunked', 'xchunked', '\x0bchunked', ''])(
    'in the coding %j is not implemented',
    async (value) => {
      const answer = await sendBytes(withLine(`Transfer-Encoding: ${value}`, '2\r\nhi\r\n0\r\n\r\n'));
      expect(answer).toMatchObject({ status: 501, headers: { connection: 'close' } });
      expect(urls()).toEqual([]);
    },
  );

  it('is told in one way, and not by chunks in HTTP/1.0', async () => {
    const chunks = '2\r\nhi\r\n0\r\n\r\n';
    expect(await statusOf(withLine('Transfer-Encoding: chunked\r\nContent-Length: 2', chunks))).toBe(400);
    expect(await statusOf(withLine('Transfer-Encoding: chunked', chunks).replace('HTTP/1.1', 'HTTP/1.0'))).toBe(400);
    expect(urls()).toEqual([]);
  });

  it.each([
    '2 \r\nhi\r\n0\r\n\r\n',
    '2;a=b\r\nhi\r\n0\r\nTrailer: x\r\n\r\n',
    '2\nhi\n0\n\n',
    '02\r\nhi\r\n000\r\n\r\n',
  ])('is read from %j', async (chunks) => {
    expect(await statusOf(withLine('Transfer-Encoding: chunked', chunks))).toBe(200);
    expect(service.requests.map(({ body }) => body)).toEqual(['hi']);
  });

  it.each(['g\r\n', '0x2\r\nhi\r\n', '-2\r\nhi\r\n', '\r\n2\r\nhi\r\n', '2\r\nhix\r\n', `${'f'.repeat(17)}\r\nhi`])(
    'cannot be read from %j',
    async (chunks) => {
      for (const path of ['/rows', '/read']) {
        const bytes = withLine('Transfer-Encoding: chunked', chunks).replace('/rows', path);
        expect(await statusOf(bytes)).toBe(400);
      }
      expect(urls()).toEqual([]);
    },
  );
});
