/**
 * The audit log end to end: one entry for each request, whatever becomes of it; nothing of one consumer in the entry of
 * another; nothing personal and no credential in any byte that leaves; and what is not personal stays readable.
 */
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { KongConfig } from '../../kong/testbed/development-config.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { DEFAULT_FIELDS } from '../../plugins/genesys-pii-log/defaults.js';
import type { Entry } from '../../plugins/genesys-pii-log/entry/entry.js';
import { createFieldNames } from '../../plugins/genesys-pii-log/mask/fields.js';
import { createRandom, leaked, makeSecret } from '../../plugins/genesys-pii-log/testing/secrets.js';
import { type AuditLog, openAuditLog } from '../support/audit-log.js';
import { jsonOf, type MirrorService, startMirrorService } from '../support/mirror-service.js';
import { addToApi, type GenesysGateway, KEY, startGenesysGateway } from './genesys-gateway.js';

const UNBUFFERED = 'genesys-pii-log-unbuffered';
/** Nothing listens there. */
const NOWHERE = 'http://127.0.0.1:9';
const CONSUMERS = Array.from({ length: 12 }, (_, index) => `consumer${index}`);
const keyOf = (consumer: string): string => `key-of-${consumer}-in-the-clear`;
const JSON_TYPE = { 'Content-Type': 'application/json' };
const MEBIBYTE = 1024 * 1024;
/** The most that a configuration can ask for. */
const MAX_BODY_BYTES = 131_072;

let logDir: string;
let setup: GenesysGateway;
let mirror: MirrorService;
let audit: AuditLog;

beforeAll(async () => {
  logDir = mkdtempSync(join(tmpdir(), 'audit-'));
  audit = openAuditLog(join(logDir, 'audit.log'));
  mirror = await startMirrorService();
  const args = ['--log-dir', logDir];
  const plugins = PLUGINS.map((plugin) => (plugin.script === 'bin/genesys-pii-log.js' ? { ...plugin, args } : plugin));
  setup = await startGenesysGateway({ plugins, edit: addRoutes });
});
afterAll(async () => {
  await setup?.close();
  await mirror?.close();
  rmSync(logDir, { recursive: true, force: true });
});
beforeEach(() => mirror.release());

function logTo(path: string, config: Record<string, unknown> = {}, name = 'genesys-pii-log') {
  // Most tests ask how a body comes into the log, so they look at one that is shown.
  return { name, config: { values: 'detect', sinks: [{ type: 'file', path }], ...config } };
}

/** Routes before the mirror, each with a plugin more; and the log on the route that ships. */
function addRoutes(config: KongConfig): void {
  const keyAuth = { name: 'key-auth', config: { key_names: ['apikey'] } };
  const log = logTo(audit.path);
  const route = (name: string, ...plugins: { name: string; config: Record<string, unknown> }[]) => ({
    name,
    paths: [`/${name}`],
    plugins,
  });
  const [shipped] = config.services;
  const tokenManager = shipped?.routes[0]?.plugins.find(({ name }) => name === 'genesys-token-manager');
  if (shipped === undefined || tokenManager === undefined) throw new Error('kong.yml has no token manager');
  addToApi(config, logTo(audit.path, { max_body_bytes: MAX_BODY_BYTES }));
  config.services.push(
    {
      name: 'mirror',
      url: mirror.url,
      routes: [
        route('open', log),
        route('keyed', log, keyAuth),
        route('allowed', logTo(audit.path, { values: 'allow' }), keyAuth),
        route('limited', log, keyAuth, { name: 'rate-limiting', config: { hour: 1, limit_by: 'ip' } }),
        route('quota', log, keyAuth, { name: 'genesys-quota', config: { limits: [{ name: 'one', limit: 1 }] } }),
        route('filtered', log, { name: 'genesys-response-filter', config: { rules: [{ keep: ['id'] }] } }),
        route('tokens', log, structuredClone(tokenManager)),
        route('stream', logTo(audit.path, {}, UNBUFFERED)),
        route('rotated', logTo(join(logDir, 'rotated.log'))),
        route('outside', logTo('/tmp/outside.log')),
      ],
    },
    {
      name: 'dead',
      url: NOWHERE,
      routes: [route('dead', log), route('dead-stream', logTo(audit.path, {}, UNBUFFERED))],
    },
  );
  config.consumers?.push(
    ...CONSUMERS.map((username) => ({
      username,
      custom_id: `id-of-${username}`,
      keyauth_credentials: [{ key: keyOf(username) }],
    })),
  );
}

interface Answered {
  status: number;
  id: string | null;
  text: string;
}

async function send(path: string, init: RequestInit = {}): Promise<Answered> {
  const response = await fetch(`${setup.gateway.url}${path}`, init);
  return { status: response.status, id: response.headers.get('x-kong-request-id'), text: await response.text() };
}

/** A request as fetch would not send it. */
function sendRaw(path: string, headers: Record<string, string>): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${setup.gateway.url}${path}`, { headers }, (response: IncomingMessage) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      const id = String(response.headers['x-kong-request-id']);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, id, text }));
    });
    request.on('error', reject);
    request.end();
  });
}

/** Sends a request, or its beginning, and hangs up as soon as something is so. */
async function sendAndAbort(
  path: string,
  headers: Record<string, string>,
  isTime: () => boolean | Promise<boolean>,
  begun?: string,
): Promise<void> {
  const request = httpRequest(`${setup.gateway.url}${path}`, { headers, method: begun === undefined ? 'GET' : 'POST' });
  const closed = new Promise<void>((resolve) => {
    request.on('close', resolve);
    request.on('error', () => resolve());
  });
  request.on('response', (response) => response.on('error', () => {}).resume());
  if (begun === undefined) request.end();
  else request.write(begun);
  await waitFor('the time to hang up', isTime);
  request.destroy();
  await closed;
}

describe('one entry for each request', () => {
  it('with the documented fields', async () => {
    const sent = await send('/keyed/mirror?pageSize=25&q=Ann', {
      method: 'POST',
      headers: {
        ...JSON_TYPE,
        apikey: keyOf('consumer1'),
        'ININ-Correlation-Id': '4f2a1b3c-1111-4222-8333-123456789012',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      },
      body: JSON.stringify({ id: 'a-1', customerName: 'Ann Example', version: 3 }),
    });
    expect(sent.status).toBe(200);
    const entry = await audit.entryOf(sent.id);
    const id = expect.stringMatching(/^[0-9a-f-]{36}$/);
    const ms = expect.any(Number);
    const upstream = { ip: '127.0.0.1', port: Number(new URL(mirror.url).port) };
    expect(entry).toEqual({
      type: 'request',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      request_id: sent.id,
      correlation_id: '4f2a1b3c-1111-4222-8333-123456789012',
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      consumer: { id, username: 'consumer1', custom_id: 'id-of-consumer1' },
      credential_id: id,
      client_ip: '127.0.0.0',
      method: 'POST',
      path: '/keyed/mirror',
      query: 'pageSize=25&q=***REDACTED***',
      route: { id, name: 'keyed' },
      service: { id, name: 'mirror' },
      status: 200,
      source: 'service',
      latency_ms: { total: ms, kong: ms, upstream: ms },
      bytes: { request: ms, response: ms },
      upstream: { status: '200', ...upstream, tries: [{ ...upstream, latency_ms: ms }] },
      request: {
        headers: expect.objectContaining({
          apikey: '***REDACTED***',
          'content-type': 'application/json',
          'inin-correlation-id': '4f2a1b3c-1111-4222-8333-123456789012',
        }),
        body: {
          kind: 'json',
          bytes: 53,
          content_type: 'application/json',
          content: '{"id":"a-1","customerName":"***REDACTED***","version":3}',
        },
      },
      response: {
        headers: expect.objectContaining({ 'content-type': 'application/json', 'set-cookie': '***REDACTED***' }),
        body: {
          kind: 'json',
          bytes: Buffer.byteLength(sent.text),
          content_type: 'application/json',
          content: expect.stringContaining('"body":{"id":"a-1","customerName":"***REDACTED***","version":3}'),
        },
      },
      masked: expect.objectContaining({ 'field:customer_name': 2, query: 2 }),
      truncated: false,
    });
    expect(entry.bytes.request).toBeGreaterThan(300);
    expect(entry.bytes.response).toBeGreaterThan(Buffer.byteLength(sent.text));
    expect(entry.latency_ms.total).toBeGreaterThanOrEqual(entry.latency_ms.upstream ?? Number.NaN);
  });

  it.each<[string, string, Record<string, string>, number, string]>([
    ['the 401 of key-auth', '/keyed/mirror', {}, 401, 'exit'],
    ['the 429 of rate-limiting', '/limited/mirror', { apikey: keyOf('consumer0') }, 429, 'exit'],
    ['the 429 of genesys-quota', '/quota/mirror', { apikey: keyOf('consumer0') }, 429, 'exit'],
    // What Kong buffers, it answers for itself.
    ['the 502 of a service that is not there', '/dead/x', {}, 502, 'exit'],
    ['the 502 of one on a route that is not buffered', '/dead-stream/x', {}, 502, 'error'],
  ])('for %s', async (_what, path, headers, status, source) => {
    const answer = await waitFor(`${status}`, async () => {
      const sent = await send(path, { headers });
      return sent.status === status && sent;
    });
    const entry = await audit.entryOf(answer.id);
    expect(entry).toMatchObject({ method: 'GET', path, status, source });
    expect(entry.response).not.toHaveProperty('body');
    if (status === 502) {
      expect(entry.upstream).toMatchObject({ ip: '127.0.0.1', port: 9 });
      expect(entry.upstream?.tries[0]).toMatchObject({ state: 'failed', code: 502 });
    } else expect(entry).not.toHaveProperty('upstream');
  });

  it('for a request that another plugin refused after its body was read, with the body', async () => {
    const init = { method: 'POST', headers: { ...JSON_TYPE, apikey: keyOf('consumer2') }, body: '{"id":"refused"}' };
    await send('/quota/mirror', init);
    const { status, id } = await send('/quota/mirror', init);
    expect(status).toBe(429);
    expect((await audit.entryOf(id)).request.body?.content).toBe('{"id":"refused"}');
  });

  it('for a client that hangs up before the answer: with what the service said, if Kong waited for it', async () => {
    await sendAndAbort('/open/hold?id=gone-1', {}, () => mirror.waiting > 0);
    mirror.release();
    const entry = await audit.find('the entry', ({ query }) => query === 'id=gone-1');
    expect(entry).toMatchObject({ path: '/open/hold', source: 'service' });
    expect(entry.response.body?.content).toBe('{"id":"held"}');
  });

  it('for a client that hangs up on a route that is not buffered: 499', async () => {
    await sendAndAbort('/stream/hold?id=gone-2', {}, () => mirror.waiting > 0);
    const entry = await audit.find('the entry', ({ query }) => query === 'id=gone-2');
    expect(entry).toMatchObject({ status: 499, source: 'service', upstream: { status: '-' } });
    expect(entry.response).not.toHaveProperty('body');
  });

  it('for a client that hangs up in the middle of its own body', async () => {
    const headers = { ...JSON_TYPE, 'Content-Length': '5000' };
    const before = audit.entries().length;
    // The plugin has the access event, as far as one can tell from outside: another request after it is through.
    const later = async (): Promise<boolean> => (await send('/open/mirror?id=after')).status === 200;
    await sendAndAbort('/open/mirror?id=gone-3', headers, later, '{"id":"');
    const entry = await audit.find('the entry', ({ query }) => query === 'id=gone-3');
    expect(entry).toMatchObject({ status: 400, source: 'error', truncated: true });
    expect(entry.request.body).toMatchObject({ bytes: 5000, omitted: 'unreadable' });
    expect(audit.entries().length).toBe(before + 2);
  });

  it.each([[{ Upgrade: 'websocket' }], [{ Upgrade: 'websocket', Connection: 'Upgrade' }]])(
    'for a request with %j, without the body that no response phase saw',
    async (headers) => {
      const { status, id, text } = await sendRaw('/open/mirror', headers);
      expect([status, text.length > 0]).toEqual([200, true]);
      const entry = await audit.entryOf(id);
      expect(entry).toMatchObject({ status: 200, source: 'service' });
      expect(entry.response).not.toHaveProperty('body');
    },
  );

  it('for no body at all, both ways', async () => {
    const { id } = await send('/open/empty', { method: 'POST', headers: JSON_TYPE });
    const entry = await audit.entryOf(id);
    expect(entry.request).not.toHaveProperty('body');
    expect(entry.response).not.toHaveProperty('body');
    expect(entry.truncated).toBe(false);
  });

  it('for bodies of 10 MB both ways, with their beginning', async () => {
    const body = `{"id":"large","ani":"+4930111222333","more":${jsonOf(10 * MEBIBYTE)}}`;
    const sent = await send('/open/mirror', { method: 'POST', headers: JSON_TYPE, body });
    expect(sent.status).toBe(200);
    const entry = await audit.entryOf(sent.id);
    expect(entry.request.body).toMatchObject({ kind: 'json', bytes: body.length, truncated: true });
    expect(entry.request.body?.content).toMatch(
      /^\{"id":"large","ani":"\*\*\*REDACTED\*\*\*","more":\{"entities":\[\{"id":"entity-0",/,
    );
    expect(entry.response.body).toMatchObject({ kind: 'json', bytes: sent.text.length, truncated: true });
    expect(Buffer.byteLength(JSON.stringify(entry))).toBeLessThan(60_000);
  });

  it('for gzip, with what is in it', async () => {
    const { id, text } = await send('/open/gzip');
    expect(text).toContain('+4930111222333');
    expect((await audit.entryOf(id)).response.body).toEqual({
      kind: 'json',
      bytes: expect.any(Number),
      content_type: 'application/json',
      content: '{"id":"zipped","ani":"***REDACTED***"}',
    });
  });

  it.each(['/filtered/gzip', '/filtered/mirror'])(
    "of %s with the service's body, although the client got a filtered one",
    async (path) => {
      const body = '{"id":"whole","ani":"+4930111222333","secret":"kept from the client"}';
      const { id, text } = await send(path, { method: 'POST', headers: JSON_TYPE, body });
      expect(text).not.toContain('kept from the client');
      const entry = await audit.entryOf(id);
      expect(entry.source).toBe('exit');
      expect(entry.response.body?.content).toContain('"ani":"***REDACTED***"');
      expect(text).toMatch(/^\{("id":"whole")?\}$/);
    },
  );

  it('and never two', async () => {
    const ids = audit.entries().map(({ request_id: id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('a route that is not buffered', () => {
  it('sends the first byte before the service has sent the last', async () => {
    const response = await fetch(`${setup.gateway.url}/stream/halves`);
    const reader = response.body?.getReader();
    const first = await reader?.read();
    expect(new TextDecoder().decode(first?.value)).toBe('data: first\n\n');
    expect(mirror.waiting).toBe(1);
    mirror.release();
    const last = await reader?.read();
    expect(new TextDecoder().decode(last?.value)).toBe('data: last\n\n');
    expect((await reader?.read())?.done).toBe(true);
    const entry = await audit.entryOf(response.headers.get('x-kong-request-id'));
    expect(entry).toMatchObject({ path: '/stream/halves', status: 200, source: 'service' });
    expect(entry.response).not.toHaveProperty('body');
  });

  it('logs the body of the request', async () => {
    const { id } = await send('/stream/mirror', { method: 'POST', headers: JSON_TYPE, body: '{"id":"up"}' });
    expect((await audit.entryOf(id)).request.body?.content).toBe('{"id":"up"}');
  });
});

/** Runs `count` tasks, so many at a time. */
async function inParallel(count: number, width: number, run: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (next < count) await run(next++);
    }),
  );
}

it('hundreds of concurrent requests of many consumers: each entry holds the marks of its own request alone', async () => {
  const before = audit.entries().length;
  const count = 360;
  const random = createRandom('isolation');
  const kinds = Array.from({ length: count }, () => random.int(0, 9));
  await inParallel(count, 40, async (index) => {
    const consumer = CONSUMERS[index % CONSUMERS.length] ?? '';
    const mark = `mark-${consumer}-n${index}x`;
    const query = `state=${mark}`;
    const headers = { apikey: keyOf(consumer), 'User-Agent': `agent ${mark}`, 'X-Request-Mark': mark };
    const body = JSON.stringify({ id: mark, list: Array.from({ length: index % 7 === 0 ? 4000 : 3 }, () => mark) });
    const post = { method: 'POST', headers: { ...headers, ...JSON_TYPE }, body };
    switch (kinds[index]) {
      case 0:
        // Nobody, so far as Kong knows.
        await send(`/keyed/mirror?${query}`, { ...post, headers: { ...post.headers, apikey: 'wrong' } });
        return;
      case 1:
        await sendRaw(`/keyed/mirror?${query}`, { ...headers, Upgrade: 'websocket' });
        return;
      case 2:
        // At once, or while the service is at it.
        if (index % 2 === 0) await sendAndAbort(`/keyed/mirror?${query}`, headers, () => true);
        else await sendAndAbort(`/keyed/hold?${query}`, headers, () => mirror.waiting > 0);
        return;
      case 3:
        await send(`/keyed/gzip?${query}`, post);
        return;
      case 4:
        await send(`/dead/x?${query}`, post);
        return;
      default:
        await send(`/keyed/mirror/${mark}?${query}`, post);
    }
  });
  // A request that was taken back before Kong had read it was none.
  const arrived = count - kinds.filter((kind) => kind === 2).length;
  const entries = (await waitFor('the entries', () => {
    mirror.release();
    const fresh = audit.entries().slice(before);
    return fresh.filter(({ query }) => kinds[indexOf(query)] !== 2).length >= arrived && fresh;
  })) as Entry[];
  const seen = new Set<number>();
  for (const entry of entries) {
    const index = indexOf(entry.query);
    const marks = new Set(JSON.stringify(entry).match(/mark-consumer\d+-n\d+x/g));
    expect([...marks], JSON.stringify(entry)).toEqual([`mark-${CONSUMERS[index % CONSUMERS.length]}-n${index}x`]);
    expect(seen.has(index)).toBe(false);
    seen.add(index);
    const isAnonymous = kinds[index] === 0 || kinds[index] === 4;
    expect(entry.consumer?.username).toBe(isAnonymous ? undefined : CONSUMERS[index % CONSUMERS.length]);
    if (kinds[index] === 3 || (kinds[index] ?? 0) > 4) {
      expect(entry.request.body?.content).toContain('mark-');
      expect(entry.response.body?.content).toContain('mark-');
    }
  }
}, 60_000);

function indexOf(query: string | undefined): number {
  return Number(/-n(\d+)x/.exec(query ?? '')?.[1] ?? Number.NaN);
}

describe('what must not be in a log', () => {
  it.each(['keyed', 'allowed'])(
    'is in no byte of it, in no encoding, whatever is planted (%s)',
    async (route) => {
      const before = Buffer.byteLength(audit.text());
      const ids: (string | null)[] = [];
      const random = createRandom(`planted ${route}`);
      const secrets: string[] = CONSUMERS.map(keyOf);
      const plant = (kind?: Parameters<typeof makeSecret>[1]): string => {
        const { text } = makeSecret(random, kind);
        secrets.push(text);
        return text;
      };
      // A token of other bytes than UTF-8 would come to no route: kong.yml tells routes apart by Authorization.
      const unique = (what: string): string => {
        const text = `${what}${random.int(100_000, 999_999)}${random.pick([what === 'Name' ? 'Zwölf' : 'Zwelf', 'Quill', 'Vex'])}`;
        secrets.push(text);
        return text;
      };
      const encoded = (text: string): string => encodeURIComponent(text);
      const count = 160;
      await inParallel(count, 20, async (index) => {
        const consumer = CONSUMERS[index % CONSUMERS.length] ?? '';
        const name = unique('Name');
        const token = unique('Token');
        const ani = plant('phone');
        const headers: Record<string, string> = {
          apikey: keyOf(consumer),
          Authorization: `Bearer ${token}`,
          Cookie: `session=${unique('Session')}`,
          'Customer-Name': encoded(name),
          'User-Agent': `agent ${plant('card')}`,
          Referer: `https://example.com/${encoded(plant('iban'))}?who=${encoded(name)}&mail=${encoded(plant('email'))}`,
          'X-Forwarded-For': plant('ip'),
          'X-Request-Id': plant('ssn'),
        };
        const path = `/${route}/mirror/${encoded(plant('email'))}/${encoded(plant('phone'))}`;
        const query = `q=${encoded(name)}&state=${encoded(plant('card'))}&pageSize=${encoded(plant('ip'))}&${encoded(plant('email'))}=1`;
        const [type, body] = random.pick<() => [string, string]>([
          () => [
            'application/json',
            JSON.stringify({
              customerName: name,
              ani,
              [plant('email')]: 1,
              note: `call ${plant('phone')} or write to ${plant('email')}, card ${plant('card')}`,
              participants: [
                { name: unique('Name'), address: `tel:${ani}`, attributes: { any: unique('Name'), ssn: plant('ssn') } },
              ],
              data: Buffer.from(`iban: ${plant('iban')} of`).toString('base64'),
              access_token: token,
            }),
          ],
          () => [
            'application/x-www-form-urlencoded',
            `customer_name=${encoded(name)}&note=${encoded(`call ${plant('phone')} now`)}&password=${encoded(token)}`,
          ],
          () => ['text/plain', `from ${plant('ip')}: ${plant('iban')}, ${plant('ssn')}; ${plant('email')}`],
        ])();
        // On every fourth the key stands in the query.
        const inQuery = index % 4 === 0;
        if (inQuery) delete headers.apikey;
        const withKey = inQuery ? `${query}&apikey=${keyOf(consumer)}` : query;
        const sent = await send(`${path}?${withKey}`, {
          method: 'POST',
          headers: { ...headers, 'Content-Type': type },
          body: Buffer.from(body),
        });
        // A slash within a number is one that a service could take for its own: such a path is refused before there is a
        // route, so only a global log has an entry of it.
        expect(sent.status).toBe(path.includes('%2F') ? 400 : 200);
        if (sent.status === 200) ids.push(sent.id);
      });
      // Entries of requests before may still come between.
      const logged = await waitFor('their entries', () => {
        const ours = audit.entries().filter(({ request_id }) => ids.includes(request_id ?? null));
        return ours.length >= ids.length && ours;
      });
      expect(logged).toHaveLength(ids.length);
      expect(ids.length).toBeGreaterThan(count / 2);
      const written = readFileSync(audit.path).subarray(before).toString('utf8');
      expect(leaked(written, secrets)).toEqual([]);
      // What is no secret is there: this test would not notice an empty log.
      expect(written).toContain(route === 'allowed' ? '\\"headers\\":' : '"method\\":\\"POST\\"');
      expect(setup.gateway.log()).not.toMatch(/Name\d{6}(?:Zw|Quill|Vex)/);
    },
    60_000,
  );

  it('is no text, and no word of a path that is not the route’s or Genesys’ own', async () => {
    const body = {
      id: 'q-17',
      state: 'active',
      text: 'Hi, I am Jane Roe',
      values: [{ name: 'firstName', value: 'Zoe' }],
    };
    const { id } = await send('/allowed/mirror/users/Jane', {
      method: 'POST',
      headers: { ...JSON_TYPE, apikey: keyOf('consumer1') },
      body: JSON.stringify(body),
    });
    const entry = await audit.entryOf(id);
    expect(entry.path).toBe('/allowed/***REDACTED***/users/***REDACTED***');
    expect(entry.request.body?.content).toBe(
      '{"id":"q-17","state":"active","text":"***REDACTED***","values":[{"name":"***REDACTED***","value":"***REDACTED***"}]}',
    );
    expect(entry.masked).toMatchObject({ path: 2, unlisted: expect.any(Number) });
  });

  it('is not there either when it is the token that the gateway itself added', async () => {
    const { id, text } = await send('/tokens/mirror');
    const { headers } = JSON.parse(text) as { headers: { authorization: string } };
    const token = headers.authorization.replace('Bearer ', '');
    expect(token.length).toBeGreaterThan(20);
    const entry = await audit.entryOf(id);
    expect(entry.response.body?.content).toContain('"authorization":"***REDACTED***"');
    expect(audit.text()).not.toContain(token);
  });

  it("is not there for the development consumer's key either", async () => {
    const sent = await setup.get('/api/v2/tokens/me');
    await sent.arrayBuffer();
    await audit.entryOf(sent.headers.get('x-kong-request-id'));
    expect(audit.text()).not.toContain(KEY.apikey);
  });
});

describe("Genesys Cloud's payloads stay readable", () => {
  const names = createFieldNames(DEFAULT_FIELDS);
  const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
  const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?$/;
  interface Tally {
    kept: number;
    masked: string[];
  }

  /** Walks both documents: what is neither below a configured field nor personal by its shape must be the same. */
  function compare(sent: unknown, logged: unknown, path: string, tally: Tally): void {
    if (Array.isArray(sent)) {
      const list = logged as unknown[];
      for (const [index, item] of sent.entries()) compare(item, list[index], `${path}[]`, tally);
      return;
    }
    if (typeof sent === 'object' && sent !== null) {
      for (const [key, value] of Object.entries(sent)) {
        if (names.ruleOf(key) !== undefined) continue;
        compare(value, (logged as Record<string, unknown> | undefined)?.[key], `${path}.${key}`, tally);
      }
      return;
    }
    const isOrdinary = typeof sent !== 'string' || UUID.test(sent) || TIME.test(sent) || /^[A-Za-z_]+$/.test(sent);
    if (!isOrdinary) return;
    if (sent === logged) tally.kept += 1;
    else tally.masked.push(`${path}: ${JSON.stringify(sent)} is ${JSON.stringify(logged)}`);
  }

  it.each<[string, RequestInit, number]>([
    ['/api/v2/users?pageSize=25', {}, 150],
    ['/api/v2/routing/queues?pageSize=25', {}, 100],
    ['/api/v2/conversations/{first}', {}, 20],
    ['/api/v2/externalcontacts/contacts?pageSize=25', {}, 50],
    ['/api/v2/organizations/me', {}, 5],
    [
      '/api/v2/analytics/conversations/details/query',
      {
        method: 'POST',
        headers: JSON_TYPE,
        body: JSON.stringify({
          interval: '2026-01-12T09:00:00.000Z/2026-01-12T10:00:00.000Z',
          paging: { pageSize: 10 },
        }),
      },
      200,
    ],
  ])('%s: ids, times, durations, versions, counts', async (template, init, atLeast) => {
    const [list = '', first] = template.split('/{first}');
    const page = (await (await setup.get(list, init)).json()) as { entities?: { id: string }[] };
    const path = first === undefined ? template : `${list}/${page.entities?.[0]?.id}`;
    const response = await setup.get(path, init);
    const text = await response.text();
    expect(response.status, text).toBe(200);
    const entry = await audit.entryOf(response.headers.get('x-kong-request-id'));
    const content = entry.response.body?.content ?? '';
    expect(entry.truncated).toBe(false);
    const tally: Tally = { kept: 0, masked: [] };
    compare(JSON.parse(text), JSON.parse(content), '', tally);
    expect(tally.masked).toEqual([]);
    expect(tally.kept).toBeGreaterThan(atLeast);
    expect(entry.correlation_id).toBe(response.headers.get('inin-correlation-id'));
  });
});

describe('a file', () => {
  it('is private, is followed through renames under load, and no entry is lost or twice', async () => {
    const path = join(logDir, 'rotated.log');
    const files = [path];
    const count = 240;
    await inParallel(count, 12, async (index) => {
      expect((await send(`/rotated/mirror?id=r${index}`)).status).toBe(200);
      // As logrotate does it without copytruncate: what is there now gets another name.
      if (index % 60 === 59) {
        const old = `${path}.${files.length}`;
        await waitFor('the file', () => openAuditLog(path).entries().length > 0);
        files.push(old);
        renameSync(path, old);
      }
    });
    const queries = await waitFor('all entries', () => {
      const all = files.flatMap((file) =>
        openAuditLog(file)
          .entries()
          .map(({ query }) => query),
      );
      return all.length >= count && all;
    });
    expect(files).toHaveLength(5);
    expect([...queries].sort()).toEqual(Array.from({ length: count }, (_, index) => `id=r${index}`).sort());
    for (const file of files.slice(1)) expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('that an operator has made readable to a group stays so', async () => {
    const path = join(logDir, 'rotated.log');
    await send('/rotated/mirror?id=mode');
    await openAuditLog(path).find('the entry', ({ query }) => query === 'id=mode');
    chmodSync(path, 0o640);
    await send('/rotated/mirror?id=mode-2');
    await openAuditLog(path).find('the entry', ({ query }) => query === 'id=mode-2');
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  it('outside of --log-dir refuses the instance, and the log names the field', async () => {
    expect((await send('/outside/mirror')).status).toBe(500);
    await waitFor('the log line', () =>
      /sinks\[0\]\.path is \\*"\/tmp\/outside\.log\\*", which does not lie below a folder named by --log-dir/.test(
        setup.gateway.log(),
      ),
    );
  });
});

it('a log that is global has an entry of a request that no route matches', async () => {
  const everywhere = openAuditLog(join(logDir, 'everywhere.log'));
  await setup.reconfigure((config) => Object.assign(config, { plugins: [logTo(everywhere.path)] }));
  const { status, id } = await send('/no/such/route?q=Ann', { method: 'POST', headers: JSON_TYPE, body: '{"id":1}' });
  expect(status).toBe(404);
  const entry = await everywhere.entryOf(id);
  expect(entry).toMatchObject({ status: 404, source: 'exit', path: '/no/such/route', query: 'q=***REDACTED***' });
  for (const absent of ['route', 'service', 'upstream', 'consumer']) expect(entry).not.toHaveProperty(absent);
  // No access phase ran.
  expect(entry.request).not.toHaveProperty('body');
});

it('a header that is no UTF-8, and that any route asks for, comes to no route: Kong answers 404', async () => {
  await setup.reconfigure((config) => {
    addRoutes(config);
    Object.assign(config.services.at(-1)?.routes[0] ?? {}, { headers: { 'x-kind': ['audit'] } });
  });
  const statusOf = async (kind: string): Promise<number> => (await sendRaw('/open/mirror', { 'X-Kind': kind })).status;
  expect([await statusOf('any'), await statusOf('\u00c3\u00b6'), await statusOf('\u00f6')]).toEqual([200, 200, 404]);
});

it('the example in the README is accepted as it stands, but for its folder', async () => {
  const readme = readFileSync(join(ROOT, 'plugins/genesys-pii-log/README.md'), 'utf8');
  const [, example = ''] = /```yaml\n(_format_version[\s\S]*?)```/.exec(readme) ?? [];
  const state = parse(example.replaceAll('/var/log/kong', logDir)) as KongConfig;
  await setup.reconfigure((config) => Object.assign(config, state));
});
