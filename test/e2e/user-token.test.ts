/**
 * Users with tokens of their own, end to end: Genesys' SDK logs in at the simulator with PKCE and calls through the
 * gateway. The service has genesys-token-manager too, as one that services and apps share.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import platformClient from 'purecloud-platform-client-v2';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../kong/testbed/free-port.js';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { APP_CLIENT, login, loginUser, read } from '../../kong/testbed/genesys-cloud/testing.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { openAuditLog } from '../support/audit-log.js';
import { rawBytes, rawRequest } from '../support/raw-request.js';
import { GATEWAY_KIND, type Gateway, startGateway } from './gateway.js';

const OTHER_APP = { ...APP_CLIENT, clientId: 'genesys-other-app-id' };
const KEY = 'key-of-the-service';
const PER_USER = 5;
/** The local gateway, which is in this process, cuts some of a thousand connections that come at once. */
const CONCURRENT = GATEWAY_KIND === 'local' ? 300 : 1000;

let genesys: GenesysCloud;
let gateway: Gateway;
let metricsUrl: string;
let users: { id: string; email: string }[];
let organizationId: string;
const folder = mkdtempSync(join(tmpdir(), 'user-token-'));
const audit = openAuditLog(join(folder, 'stdout'));

beforeAll(async () => {
  const clients = [DEFAULT_CLIENT, APP_CLIENT, OTHER_APP];
  genesys = await startGenesysCloud({ users: 20, clients, rateLimitPerMinute: 0 });
  const bearer = { headers: { authorization: `Bearer ${await login(genesys)}` } };
  const listed = await fetch(`${genesys.url}/api/v2/users`, bearer);
  users = (await read<{ entities: typeof users }>(listed)).entities;
  organizationId = (await read<{ id: string }>(fetch(`${genesys.url}/api/v2/organizations/me`, bearer))).id;
  const port = await freePort();
  metricsUrl = `http://127.0.0.1:${port}/metrics`;
  writeFileSync(audit.path, '');
  gateway = await startGateway({
    config: configuration(),
    plugins: PLUGINS.map((plugin) => ({
      ...plugin,
      // With a process for each plugin, one of them can have the port.
      args: [
        '--stdout',
        audit.path,
        ...(plugin.name === 'genesys-user-token' ? ['--metrics', `127.0.0.1:${port}`] : []),
      ],
    })),
  });
});
afterAll(async () => {
  await gateway?.close();
  await genesys?.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  genesys.control.clearFaults();
  genesys.control.reset();
});

/** @param changes to the plugin's configuration */
function configuration(changes: Record<string, unknown> = {}) {
  const userToken = {
    name: 'genesys-user-token',
    config: {
      api_url: genesys.url,
      organizations: [organizationId],
      consumers: [
        { consumer: 'supervisors', client_id: APP_CLIENT.clientId, user_id: users[3]?.id },
        { consumer: 'trainees', client_id: APP_CLIENT.clientId, user_id: users[6]?.id },
        { consumer: 'agent-desktop', client_id: APP_CLIENT.clientId },
      ],
      refused_per_address: 1000,
      refused_in_total: 10_000,
      cache_seconds: 5,
      ...changes,
    },
  };
  const acl = (...allow: string[]) => ({ name: 'acl', config: { allow, hide_groups_header: true } });
  const quota = (limits: object[]) => ({ name: 'genesys-quota', config: { namespace: 'users', limits } });
  return {
    services: [
      {
        name: 'genesys-cloud',
        url: genesys.url,
        read_timeout: 10_000,
        plugins: [
          {
            name: 'genesys-token-manager',
            config: {
              token_url: genesys.tokenUrl,
              client_id: DEFAULT_CLIENT.clientId,
              client_secret: DEFAULT_CLIENT.clientSecret,
            },
          },
          { name: 'genesys-pii-log', config: { sinks: [{ type: 'stdout' }] } },
        ],
        routes: [
          {
            name: 'apps',
            paths: ['/api/v2/'],
            strip_path: false,
            plugins: [
              userToken,
              acl('app-users'),
              quota([
                { name: 'user', limit: PER_USER, window: 'hour', by: 'credential', paths: ['/api/v2/routing/queues'] },
              ]),
              {
                name: 'genesys-response-filter',
                config: {
                  rules: [{ paths: ['/api/v2/users/{id}'], methods: ['GET'], keep: ['id', 'name', 'groups'] }],
                  on_no_match: 'pass',
                },
              },
            ],
          },
          {
            name: 'supervisors-only',
            paths: ['/api/v2/organizations/'],
            strip_path: false,
            plugins: [userToken, acl('supervisors')],
          },
          {
            name: 'services',
            paths: ['/services/'],
            plugins: [{ name: 'key-auth', config: { key_names: ['apikey'], hide_credentials: true } }],
          },
          {
            name: 'both',
            paths: ['/both/'],
            plugins: [{ name: 'key-auth', config: { key_names: ['apikey'] } }, userToken],
          },
        ],
      },
    ],
    consumers: [
      { username: 'agent-desktop', acls: [{ group: 'app-users' }] },
      { username: 'supervisors', acls: [{ group: 'app-users' }, { group: 'supervisors' }] },
      {
        username: 'trainees',
        acls: [{ group: 'app-users' }],
        plugins: [{ name: 'rate-limiting', config: { hour: 2, policy: 'local' } }],
      },
      { username: 'svc', keyauth_credentials: [{ key: KEY }] },
    ],
  };
}

const ask = (token: string, path: string, init: RequestInit = {}) =>
  fetch(`${gateway.url}${path}`, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });
const statusOf = async (token: string, path = '/api/v2/users/me', init: RequestInit = {}): Promise<number> => {
  const response = await ask(token, path, init);
  await response.arrayBuffer();
  return response.status;
};

describe("Genesys' SDK", () => {
  const client = platformClient.ApiClient.instance;
  const [redirectUri] = APP_CLIENT.redirectUris;

  beforeAll(() => {
    // As docs/user-apps.md says, but that the region's login is the simulator.
    Object.assign(client.config, {
      basePath: gateway.url,
      getConfUrl: (kind: string, url: string) => (kind === 'login' ? genesys.url : url),
    });
  });

  /** What the browser does between the two halves of `loginPKCEGrant`. */
  async function logIn(email: string | undefined): Promise<string> {
    const verifier = client.generatePKCECodeVerifier(128);
    const query = new URLSearchParams({
      client_id: APP_CLIENT.clientId,
      redirect_uri: redirectUri,
      code_challenge: await client.computePKCECodeChallenge(verifier),
      response_type: 'code',
      code_challenge_method: 'S256',
      login_hint: email ?? '',
    });
    const sent = await fetch(`${genesys.url}/oauth/authorize?${query}`, { redirect: 'manual' });
    const code = new URL(sent.headers.get('location') ?? '').searchParams.get('code') ?? '';
    const { accessToken = '' } = await client.authorizePKCEGrant(APP_CLIENT.clientId, verifier, code, redirectUri);
    return accessToken;
  }

  it('logs in with PKCE, is its user, and gets 401 after the token was revoked', { timeout: 30_000 }, async () => {
    await logIn(users[0]?.email);
    const me = await new platformClient.UsersApi().getUsersMe({ expand: ['groups'] });
    // The filter works as for anyone.
    expect(Object.keys(me).sort()).toEqual(['groups', 'id', 'name']);
    expect(me.id).toBe(users[0]?.id);
    await new platformClient.TokensApi().getTokensMe();

    genesys.control.revokeTokens();
    const revokedAt = performance.now();
    await expect(new platformClient.UsersApi().getUsersMe()).rejects.toMatchObject({ status: 401 });
    // Genesys refuses it at once; the gateway does when its own time is over.
    const refused = await waitFor('the gateway refuses it', async () => {
      const error = await new platformClient.UsersApi().getUsersMe().catch((thrown: unknown) => thrown);
      return (error as { code?: string }).code === 'gateway.request.refused' && error;
    });
    expect(refused).toMatchObject({ status: 401 });
    expect(performance.now() - revokedAt).toBeLessThan(10_000);
  });

  it('has a quota for each user', async () => {
    const routing = new platformClient.RoutingApi();
    const [zoe, yan] = [await logIn(users[1]?.email), await logIn(users[2]?.email)];
    client.setAccessToken(zoe);
    for (let i = 0; i < PER_USER; i += 1) await routing.getRoutingQueues();
    await expect(routing.getRoutingQueues()).rejects.toMatchObject({ status: 429, code: 'gateway.quota.exceeded' });
    // Another login is the same user.
    await logIn(users[1]?.email);
    await expect(routing.getRoutingQueues()).rejects.toMatchObject({ status: 429 });
    client.setAccessToken(yan);
    await routing.getRoutingQueues();
  });

  it('logs out with its own token, which Genesys gets and the gateway forgets', async () => {
    const token = await logIn(users[4]?.email);
    const tokens = new platformClient.TokensApi();
    await tokens.getTokensMe();
    await tokens.deleteTokensMe();
    expect(genesys.control.counts().byPath['DELETE /api/v2/tokens/me']).toBe(1);
    await expect(tokens.getTokensMe()).rejects.toMatchObject({ status: 401, code: 'gateway.request.refused' });
    expect(await statusOf(token)).toBe(401);
    // The others stay, and so does the gateway's own.
    expect(await statusOf(await logIn(users[5]?.email))).toBe(200);
  });
});

describe("a user's token", () => {
  it('goes on as it is, and a request has no other', async () => {
    const token = await loginUser(genesys);
    const ordinal = genesys.control.tokens().at(-1)?.ordinal;
    genesys.control.reset();
    const headers = { apikey: 'k', cookie: 'a=b', 'x-consumer-username': 'forged' };
    expect(await statusOf(token, '/api/v2/users/me', { headers })).toBe(200);
    const seen = genesys.control.requests({ path: '/api/v2/users/me' }).at(-1);
    expect(seen).toMatchObject({ tokenIndex: ordinal, clientId: APP_CLIENT.clientId });
    expect(Object.keys(seen?.headers ?? {}).filter((name) => /^(x-consumer|x-cred|cookie|apikey)/.test(name))).toEqual(
      [],
    );
    // Behind nearly as many headers as nginx and Node take.
    const many = Array.from({ length: 950 }, () => 'x: y');
    const head = ['GET /api/v2/users/me HTTP/1.1', 'Host: gateway', ...many, `Authorization: Bearer ${token}`];
    const answer = await rawBytes(gateway.url, `${head.join('\r\n')}\r\nConnection: close\r\n\r\n`);
    expect(answer).toContain('HTTP/1.1 200');
    expect(genesys.control.requests({ path: '/api/v2/users/me' }).at(-1)?.tokenIndex).toBe(ordinal);
    // A service's request through the same service has the gateway's.
    const service = await fetch(`${gateway.url}/services/api/v2/users`, { headers: { apikey: KEY } });
    expect(service.status).toBe(200);
    expect(genesys.control.requests({ path: '/api/v2/users' }).at(-1)?.clientId).toBe(DEFAULT_CLIENT.clientId);
  });

  it('replaces no credential of the gateway, and is none', async () => {
    const token = await loginUser(genesys);
    expect(await statusOf(token, '/both/api/v2/users/me', { headers: { apikey: KEY } })).toBe(400);
    expect(await statusOf(token, '/services/api/v2/users/me')).toBe(401);
  });

  it('is of a consumer, whom acl knows', async () => {
    const [agent, supervisor] = [await loginUser(genesys), await loginUser(genesys, { email: users[3]?.email })];
    expect(await statusOf(agent, '/api/v2/organizations/me')).toBe(403);
    expect(await statusOf(supervisor, '/api/v2/organizations/me')).toBe(200);
  });

  it('is limited by what its consumer is configured with', async () => {
    const trainee = await loginUser(genesys, { email: users[6]?.email });
    const statuses = [await statusOf(trainee), await statusOf(trainee), await statusOf(trainee)];
    expect(statuses).toEqual([200, 200, 429]);
    expect(await statusOf(await loginUser(genesys))).toBe(200);
  });

  it('is refused if its app, or its organisation, is not allowed, or if it is no user', async () => {
    const other = await loginUser(genesys, { clientId: OTHER_APP.clientId });
    expect(await statusOf(other)).toBe(403);
    expect(await statusOf(await login(genesys))).toBe(403);
    await gateway.reconfigure(configuration({ organizations: ['6a8e5c0e-1c5f-4f0a-9d57-3f1f0c1b6a01'] }));
    const response = await ask(await loginUser(genesys), '/api/v2/users/me');
    expect(await response.json()).toMatchObject({ code: 'gateway.request.refused', status: 403 });
    await gateway.reconfigure(configuration());
  });

  it('is known while Genesys cannot be asked, and an unknown one waits', async () => {
    await gateway.reconfigure(configuration({ cache_seconds: 600 }));
    const [known, unknown] = [await loginUser(genesys), await loginUser(genesys)];
    expect(await statusOf(known)).toBe(200);
    genesys.control.setFault('api', { status: 503, path: '/api/v2/tokens/me' });
    expect(await statusOf(known)).toBe(200);
    const response = await ask(unknown, '/api/v2/users/me');
    expect(await response.json()).toMatchObject({ code: 'gateway.token.unavailable', status: 503 });
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    genesys.control.clearFaults();
    await waitFor('it is known', async () => (await statusOf(unknown)) === 200);
    await gateway.reconfigure(configuration());
  });
});

describe('unknown tokens', () => {
  it('are checked once, however many requests bring one', { timeout: 60_000 }, async () => {
    await gateway.reconfigure(configuration({ cache_seconds: 60, timeout_ms: 20_000 }));
    // Most requests arrive while it is checked, and keep this process busy, which plays Genesys too.
    genesys.control.setFault('api', { latencyMs: 3000, path: '/api/v2/tokens/me', times: 1 });
    const send = () => rawRequest(`${gateway.url}/api/v2/users/me`, { headers: { authorization: 'Bearer made-up' } });
    const all = await Promise.all(Array.from({ length: CONCURRENT }, send));
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([401]));
    expect(genesys.control.counts()).toMatchObject({ apiRequests: 1, unauthorized: 1 });
    await gateway.reconfigure(configuration());
  });

  it('are answered 429 after too many of one address, while known ones go on', async () => {
    const known = await loginUser(genesys);
    expect(await statusOf(known)).toBe(200);
    await gateway.reconfigure(configuration({ refused_per_address: 10, cache_seconds: 600 }));
    genesys.control.reset();
    const statuses = [];
    for (let i = 0; i < 200; i += 1) statuses.push(await statusOf(`made-up-${i}`));
    expect(statuses.at(-1)).toBe(429);
    expect(genesys.control.counts().unauthorized).toBeLessThanOrEqual(10);
    expect(await statusOf(known)).toBe(200);
    await gateway.reconfigure(configuration());
  });
});

it('tells nobody a token: no log, no metric', async () => {
  const tokens = [await loginUser(genesys), 'made-up-and-secret'];
  const response = await ask(tokens[0] ?? '', '/api/v2/users/me');
  expect(response.status).toBe(200);
  expect(await statusOf(tokens[1] ?? '')).toBe(401);
  const entry = await audit.entryOf(response.headers.get('x-kong-request-id'));
  expect(entry).toMatchObject({ consumer: { username: 'agent-desktop' } });
  const metrics = await (await fetch(metricsUrl)).text();
  expect(metrics).toMatch(/genesys_user_token_requests_total\{[^}]*decision="accepted"[^}]*\} [1-9]/);
  expect(metrics).toMatch(/genesys_user_tokens_known\{[^}]*\} [1-9]/);
  for (const text of [gateway.log(), audit.text(), metrics])
    for (const token of tokens) expect(text).not.toContain(token);
});
