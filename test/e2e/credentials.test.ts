/**
 * Credentials of other kinds than a Genesys token, secrets in files that change, what Kong's own log shows of them, the
 * breaker before a failing service, and the operator's port.
 */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../kong/testbed/free-port.js';
import { DEFAULT_CLIENT } from '../../kong/testbed/genesys-cloud/index.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { credentialFingerprint } from '../../plugins/shared/credential-fingerprint.js';
import { type EchoServer, startEchoServer } from '../support/echo-server.js';
import { PROBE } from './gateway.js';
import { type GenesysGateway, startGenesysGateway, tokenManagerConfig } from './genesys-gateway.js';

const secretsDir = mkdtempSync(join(tmpdir(), 'secrets-'));
let setup: GenesysGateway;
let echo: EchoServer;
let metrics: string;
let runs = 0;

beforeAll(async () => {
  const port = await freePort();
  metrics = `http://127.0.0.1:${port}`;
  const args = ['--secrets-dir', secretsDir, '--metrics', `127.0.0.1:${port}`];
  const plugins = PLUGINS.map((plugin) => (plugin.name === 'genesys-token-manager' ? { ...plugin, args } : plugin));
  echo = await startEchoServer();
  setup = await startGenesysGateway({ plugins: [...plugins, PROBE] });
});
afterAll(async () => {
  await setup?.close();
  await echo?.close();
  rmSync(secretsDir, { recursive: true, force: true });
});
beforeEach(() => {
  const { control } = setup.genesys;
  control.clearFaults();
  control.clearStubs();
  control.reset();
  control.setClientSecret(DEFAULT_CLIENT.clientId, DEFAULT_CLIENT.clientSecret);
  echo.received.length = 0;
  runs += 1;
});

/** Configures the plugin with these fields alone, before the echo server, with a probe that logs the request's headers. */
async function useStatic(config: Record<string, unknown>): Promise<void> {
  await setup.reconfigure((whole) => {
    const [service] = whole.services;
    if (service === undefined) throw new Error('no service');
    service.url = echo.url;
    for (const { plugins } of service.routes) {
      for (const plugin of plugins) if (plugin.name === 'genesys-token-manager') plugin.config = config;
      plugins.push({ name: 'probe', config: { log: JSON.stringify([['log-request-headers', null]]) } });
    }
  });
}

async function useFresh(changes: Record<string, unknown> = {}): Promise<void> {
  await setup.reconfigure((config) =>
    Object.assign(tokenManagerConfig(config), { scope: `credentials-${runs}` }, changes),
  );
}

async function status(path: string): Promise<number> {
  const response = await setup.get(path);
  await response.arrayBuffer();
  return response.status;
}

describe('a static credential', () => {
  it.each([
    ['bearer', { secret: 'static-of-crm' }, 'Authorization', 'Bearer static-of-crm'],
    ['basic', { username: 'pay', password: 'static-pass' }, 'Authorization', `Basic ${btoa('pay:static-pass')}`],
    ['api_key', { secret: 'static-key' }, 'X-Api-Key', 'static-key'],
    ['api_key', { secret: 'static-key' }, 'Authorization', 'static-key'],
  ])('%s %j in %s', async (credential, fields, headerName, value) => {
    await useStatic({ credential, header_name: headerName, ...fields });
    const name = headerName.toLowerCase();
    const headers = { [headerName]: "the client's own", 'X-Consumer-Username': 'forged' };
    const lines = (): string[] => setup.gateway.log().match(/logged headers .*/g) ?? [];
    const before = lines().length;
    const response = await setup.get('/api/v2/pay', { headers });
    expect(response.status).toBe(200);
    await response.arrayBuffer();
    const [seen] = echo.received;
    expect(seen?.headers[name]).toBe(value);
    expect(seen?.headers['x-consumer-username']).toBeUndefined();
    if (name !== 'authorization') expect(seen?.headers.authorization).toBeUndefined();
    await waitFor('the log entry', () => lines().length > before);
    const secret = String(Object.values(fields).at(-1));
    for (const text of [secret, btoa(secret), value]) expect(setup.gateway.log()).not.toContain(text);
    expect(lines().at(-1)).toContain(`"${name}":"REDACTED"`);
  });

  it('in a file is followed when the file changes', async () => {
    const file = join(secretsDir, `key-${runs}`);
    writeFileSync(file, 'first-key\n');
    await useStatic({ credential: 'api_key', header_name: 'X-Api-Key', secret: `file:${file}` });
    expect(await status('/api/v2/pay')).toBe(200);
    expect(echo.received.at(-1)?.headers['x-api-key']).toBe('first-key');
    writeFileSync(file, 'second-key\n');
    await waitFor('the second key', async () => {
      expect(await status('/api/v2/pay')).toBe(200);
      return echo.received.at(-1)?.headers['x-api-key'] === 'second-key';
    });
    rmSync(file);
    await waitFor('the log to name the file', async () => {
      expect(await status('/api/v2/pay')).toBe(200);
      return (
        setup.gateway.log().includes(`${file}\\", which cannot be read (ENOENT)`) ||
        setup.gateway.log().includes(`${file}", which cannot be read (ENOENT)`)
      );
    });
    expect(echo.received.at(-1)?.headers['x-api-key']).toBe('second-key');
  });
});

describe('the secret of an OAuth client', () => {
  it('in a file is rotated under 50 requests/s without a failed request', async () => {
    // As Kubernetes lays a secret out: the file is a link through a folder that is swapped.
    const folder = join(secretsDir, `client-${runs}`);
    const put = (version: string, secret: string): void => {
      mkdirSync(join(folder, version), { recursive: true });
      writeFileSync(join(folder, version, 'secret'), secret);
      symlinkSync(version, join(folder, '..tmp'));
      renameSync(join(folder, '..tmp'), join(folder, '..data'));
    };
    put('..1', DEFAULT_CLIENT.clientSecret);
    symlinkSync('..data/secret', join(folder, 'secret'));
    await useFresh({ client_secret: `file:${join(folder, 'secret')}` });
    expect(await status('/api/v2/tokens/me')).toBe(200);

    const startedAt = performance.now();
    const pending: Promise<number>[] = [];
    let rotations = 0;
    const rotateAt = [1000, 3000];
    await waitFor('five seconds of load with two rotations', () => {
      const elapsedMs = performance.now() - startedAt;
      while (pending.length < elapsedMs / 20) pending.push(status('/api/v2/tokens/me'));
      if (elapsedMs > (rotateAt[rotations] ?? Number.POSITIVE_INFINITY)) {
        rotations += 1;
        setup.genesys.control.setClientSecret(DEFAULT_CLIENT.clientId, `rotated-${rotations}`);
        put(`..${rotations + 1}`, `rotated-${rotations}`);
      }
      return elapsedMs > 5000;
    });
    const statuses = await Promise.all(pending);
    expect(statuses.length).toBeGreaterThan(240);
    expect(statuses.filter((code) => code !== 200)).toEqual([]);
    expect(setup.genesys.control.counts().tokenRequests).toBe(3);
    expect(setup.gateway.log()).not.toContain('rotated-');
  });

  it('in a file that is not allowed refuses the instance, and the log names the file', async () => {
    await useFresh({ client_secret: 'file:/etc/hostname' });
    expect(await status('/api/v2/tokens/me')).toBe(500);
    await waitFor('the log line', () => setup.gateway.log().includes('"/etc/hostname", which does not lie below'));
  });

  it('that is wrong in one configuration leaves the right one alone', async () => {
    const wrong = { path: '/wrong', secret: 'not-the-secret' };
    await setup.reconfigure((config) => {
      const [service] = config.services;
      const [route] = service?.routes ?? [];
      if (service === undefined || route === undefined) throw new Error('no route');
      Object.assign(tokenManagerConfig(config), { scope: `credentials-${runs}` });
      const copy = structuredClone(route) as typeof route & { name: string; paths: string[]; strip_path: boolean };
      Object.assign(copy, { name: 'wrong', paths: [wrong.path], strip_path: true });
      for (const { name, config } of copy.plugins) {
        if (name === 'genesys-token-manager') config.client_secret = wrong.secret;
      }
      service.routes.push(copy);
    });
    const all = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const isWrong = i % 2 === 1;
        return [isWrong, await status(isWrong ? '/wrong/api/v2/tokens/me' : '/api/v2/tokens/me')] as const;
      }),
    );
    for (const [isWrong, code] of all) expect(code).toBe(isWrong ? 503 : 200);
    expect(setup.genesys.control.counts().tokenRequests).toBe(2);
  });
});

describe('a circuit breaker', () => {
  it('that is left out does nothing', async () => {
    await useFresh({});
    setup.genesys.control.setFault('api', { status: 503 });
    for (let i = 0; i < 12; i += 1) expect(await status('/api/v2/tokens/me')).toBe(503);
    expect(setup.genesys.control.counts().apiRequests).toBe(12);
  });

  it('spares a failing service, and lets requests through again when it is back', async () => {
    await useFresh({ circuit_breaker: { failures: 3, window_seconds: 10, open_seconds: 1 } });
    setup.genesys.control.setFault('api', { status: 503 });
    await waitFor('the breaker to open', async () => {
      const before = setup.genesys.control.counts().apiRequests;
      const response = await setup.get('/api/v2/tokens/me');
      const body = (await response.json()) as { code?: string };
      expect(response.status).toBe(503);
      if (body.code !== 'gateway.upstream.unavailable') return false;
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(body).toMatchObject({ status: 503, details: [], errors: [] });
      expect(setup.genesys.control.counts().apiRequests).toBe(before);
      return true;
    });
    expect(setup.genesys.control.counts().apiRequests).toBeLessThan(8);
    setup.genesys.control.clearFaults();
    await waitFor('a trial to succeed', async () => (await status('/api/v2/tokens/me')) === 200);
    // Kong tells of the trial's answer after the client has it.
    await waitFor('the breaker to close', async () => (await status('/api/v2/tokens/me')) === 200);
    for (let i = 0; i < 20; i += 1) expect(await status('/api/v2/tokens/me')).toBe(200);
  });

  it('learns nothing from an answer that a plugin gave in place of the service, such as one from a cache', async () => {
    await setup.reconfigure((config) => {
      const [service] = config.services;
      const [route] = service?.routes ?? [];
      if (service === undefined || route === undefined) throw new Error('no route');
      const breaker = { failures: 3, window_seconds: 60, open_seconds: 60 };
      Object.assign(tokenManagerConfig(config), { scope: `credentials-${runs}`, circuit_breaker: breaker });
      const copy = structuredClone(route) as typeof route & { name: string; paths: string[] };
      Object.assign(copy, { name: 'answered', paths: ['/answered'] });
      // Its priority is below ours, as that of proxy-cache.
      copy.plugins.push({ name: 'request-termination', config: { status_code: 200, message: 'a hit' } });
      service.routes.push(copy);
    });
    setup.genesys.control.setFault('api', { status: 503 });
    await waitFor('the breaker to open', async () => {
      if ((await status('/answered')) === 503) return true;
      await status('/api/v2/tokens/me');
      return false;
    });
    expect(setup.genesys.control.counts().apiRequests).toBeLessThan(8);
  });

  it('does not open for what the client did wrong', async () => {
    await useFresh({ circuit_breaker: { failures: 2, window_seconds: 10, open_seconds: 5 } });
    for (let i = 0; i < 10; i += 1) expect(await status('/api/v2/users/nobody')).toBe(404);
    expect(await status('/api/v2/tokens/me')).toBe(200);
  });
});

describe("the operator's port", () => {
  const ask = async (method: string, path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${metrics}${path}`, { method, headers });
    return { status: response.status, text: await response.text() };
  };
  const states = async (): Promise<{ client_id: string; scope?: string; token: { uses: number; ref: string } }[]> =>
    JSON.parse((await ask('GET', '/tokens')).text).tokens;
  const mine = async () => (await states()).find(({ scope }) => scope === `credentials-${runs}`);

  it('tells the state of every token and never a token', async () => {
    await useFresh();
    for (let i = 0; i < 5; i += 1) expect(await status('/api/v2/tokens/me')).toBe(200);
    expect(await mine()).toMatchObject({
      client_id: DEFAULT_CLIENT.clientId,
      drained: false,
      last_error: null,
      token: { uses: 5, uses_in_window: 5, refused: false },
    });
    const { text } = await ask('GET', '/tokens');
    expect(text).not.toContain(DEFAULT_CLIENT.clientSecret);
    const seen = setup.genesys.control.requests({ kind: 'api' }).at(-1);
    expect(seen?.authorized).toBe(true);
    await useFresh({ client_secret: 'not-the-secret' });
    await status('/api/v2/tokens/me');
    expect((await ask('GET', '/tokens')).text).toContain('login answered 401');
  });

  it('purges: the next request has a new token', async () => {
    await useFresh();
    expect(await status('/api/v2/tokens/me')).toBe(200);
    const before = await mine();
    const purged = await ask('POST', `/tokens/purge?client_id=${DEFAULT_CLIENT.clientId}`);
    expect(JSON.parse(purged.text).purged).toBeGreaterThanOrEqual(1);
    expect(JSON.parse((await ask('POST', '/tokens/purge?client_id=another')).text)).toEqual({ purged: 0 });
    expect(await status('/api/v2/tokens/me')).toBe(200);
    expect((await mine())?.token.ref).not.toBe(before?.token.ref);
    expect(setup.genesys.control.counts().tokenRequests).toBe(2);
  });

  it('tells static credentials by their fingerprint, and never one', async () => {
    await useStatic({ credential: 'bearer', secret: `static-token-${runs}` });
    for (let i = 0; i < 3; i += 1) expect(await status('/api/v2/pay')).toBe(200);
    const { text } = await ask('GET', '/credentials');
    expect(text).not.toContain(`static-token-${runs}`);
    const fingerprint = await credentialFingerprint(`Bearer static-token-${runs}`);
    expect(JSON.parse(text).credentials).toContainEqual({
      fingerprint,
      uses: 3,
      last_used_seconds: expect.any(Number),
    });
  });

  it('is for programs on this machine', async () => {
    expect((await ask('POST', '/tokens/purge', { Origin: 'http://evil.example' })).status).toBe(403);
    expect((await ask('GET', '/tokens/purge')).status).toBe(405);
    expect((await ask('GET', '/nowhere')).status).toBe(404);
    expect((await ask('POST', '/tokens/drain')).status).toBe(400);
    expect((await ask('POST', '/tokens/drain?client_id=nobody')).status).toBe(404);
  });
});
