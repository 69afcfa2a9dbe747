/**
 * Operations on the caller's own token. With a shared token they would concern everybody, so they are refused. A tool's
 * logout concerns the tool alone.
 */
import platformClient from 'purecloud-platform-client-v2';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEMO_ACCESS, type KongConfig } from '../../kong/testbed/development-config.js';
import { rawRequest } from '../support/raw-request.js';
import { type GenesysGateway, KEY, startGenesysGateway, tokenManagerConfig } from './genesys-gateway.js';

let setup: GenesysGateway;

beforeAll(async () => {
  setup = await startGenesysGateway({ edit: addReader });
});
afterAll(() => setup?.close());
beforeEach(async () => {
  expect(await statusOf('GET', '/api/v2/tokens/me')).toBe(200);
  setup.genesys.control.reset();
});

/** Adds a consumer that may only read, and log in. */
function addReader({ consumers }: KongConfig): void {
  const demo = consumers?.find(({ username }) => username === 'svc-demo');
  const jwt_secrets = demo?.jwt_secrets?.map((secret) => ({ ...secret, key: secret.key.replace('demo', 'reader') }));
  consumers?.push({
    username: 'svc-reader',
    acls: [{ group: 'readers' }],
    basicauth_credentials: [{ username: 'reader', password: 'reader-secret' }],
    ...(jwt_secrets && { jwt_secrets }),
  });
}

async function statusOf(method: string, path: string, headers: Record<string, string> = KEY): Promise<number> {
  return (await rawRequest(`${setup.gateway.url}${path}`, { method, headers })).status;
}

async function login(id = DEMO_ACCESS.clientId, secret = DEMO_ACCESS.clientSecret): Promise<{ Authorization: string }> {
  const response = await fetch(`${setup.gateway.url}/oauth/token`, {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa(`${id}:${secret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  return { Authorization: `Bearer ${((await response.json()) as { access_token: string }).access_token}` };
}

describe('an operation on the token that all share', () => {
  it.each([
    ['DELETE', '/api/v2/tokens/me'],
    ['DELETE', '/api/v2/tokens/me/'],
    ['DELETE', '/api/v2/tokens/me?x=1'],
    ['DELETE', '/api/v2/tokens/%6de'],
    ['DELETE', '/api/v2/%74okens/m%65'],
    ['DELETE', '/api/v2//tokens//me'],
    ['DELETE', '/api/v2/users/../tokens/me'],
    ['DELETE', '/api/v2/tokens/./me'],
    ['DELETE', '/api/v2/Tokens/ME'],
    ['DELETE', '/api/api/v2/tokens/me'],
    ['PUT', '/api/v2/tokens/me'],
    ['PATCH', '/api/v2/tokens/me'],
    ['POST', '/api/v2/tokens/me'],
    ['POST', '/api/v2/users/me/password'],
    ['DELETE', '/api/v2/users/me/verifiers/1'],
    ['DELETE', '/api/v2/webdeployments/token/revoke'],
  ])('is refused: %s %s', async (method, path) => {
    const { status, body } = await rawRequest(`${setup.gateway.url}${path}`, { method, headers: KEY });
    expect(status).toBe(403);
    expect(JSON.parse(body.toString())).toMatchObject({ code: 'gateway.request.refused', status: 403 });
    expect(setup.genesys.control.counts().apiRequests).toBe(0);
    expect(await statusOf('GET', '/api/v2/tokens/me')).toBe(200);
    expect(setup.genesys.control.counts()).toMatchObject({ tokenRequests: 0, unauthorized: 0 });
  });

  it.each([
    ['GET', '/api/v2/tokens/me'],
    ['HEAD', '/api/v2/tokens/me'],
    ['GET', '/api/v2/authorization/subjects/me'],
  ])('that only reads is not: %s %s', async (method, path) => {
    expect(await statusOf(method, path)).toBe(200);
  });

  it('is refused too if refuse_operations names it', async () => {
    await setup.reconfigure((config) =>
      Object.assign(tokenManagerConfig(config), {
        refuse_operations: ['GET /api/v2/routing/queues/{id}', '* /api/v2/routing/queues'],
      }),
    );
    const statuses = [
      await statusOf('GET', '/api/v2/routing/queues'),
      await statusOf('GET', '/api/v2/routing/queues/1'),
      await statusOf('GET', '/api/v2/ROUTING//queues/%31'),
      await statusOf('GET', '/api/v2/users?pageSize=1'),
    ];
    expect(statuses).toEqual([200, 403, 403, 200]);
    await setup.reconfigure(addReader);
  });
});

describe("a tool's logout", () => {
  it("is answered by the gateway, and ends that tool's token alone", async () => {
    const [leaving, staying] = [await login(), await login()];
    expect(await statusOf('GET', '/api/v2/tokens/me', leaving)).toBe(200);
    setup.genesys.control.reset();
    expect(await statusOf('DELETE', '/api/v2/tokens/me', leaving)).toBe(200);
    expect(setup.genesys.control.counts().apiRequests).toBe(0);
    const refused = await rawRequest(`${setup.gateway.url}/api/v2/tokens/me`, { headers: leaving });
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toContain('invalid_token');
    expect(await statusOf('GET', '/api/v2/users', { Authorization: `bearer  ${leaving.Authorization.slice(7)}` })).toBe(
      401,
    );
    expect(setup.genesys.control.counts().apiRequests).toBe(0);
    expect(await statusOf('GET', '/api/v2/tokens/me', staying)).toBe(200);
    expect(await statusOf('GET', '/api/v2/tokens/me')).toBe(200);
    expect(await statusOf('GET', '/api/v2/tokens/me', await login())).toBe(200);
    expect(setup.genesys.control.counts()).toMatchObject({ tokenRequests: 0, unauthorized: 0 });
  });

  it('is open to a tool that may only read', async () => {
    const leaving = await login('reader', 'reader-secret');
    expect(await statusOf('GET', '/api/v2/tokens/me', leaving)).toBe(200);
    expect(await statusOf('DELETE', '/api/v2/users/1', leaving)).toBe(403);
    setup.genesys.control.reset();
    expect(await statusOf('DELETE', '/api/v2/tokens/me', leaving)).toBe(200);
    expect(await statusOf('GET', '/api/v2/tokens/me', leaving)).toBe(401);
    expect(setup.genesys.control.counts().apiRequests).toBe(0);
  });

  it("works as Genesys' JavaScript SDK does it", async () => {
    const client = platformClient.ApiClient.instance;
    const { hostname, port } = new URL(setup.gateway.url);
    client.setGateway({ host: hostname, protocol: 'http', port: Number(port), username: 'any', password: 'any' });
    await client.loginClientCredentialsGrant(DEMO_ACCESS.clientId, DEMO_ACCESS.clientSecret);
    const tokens = new platformClient.TokensApi();
    await tokens.getTokensMe();
    await tokens.deleteTokensMe();
    await expect(tokens.getTokensMe()).rejects.toMatchObject({ status: 401 });
    await client.loginClientCredentialsGrant(DEMO_ACCESS.clientId, DEMO_ACCESS.clientSecret);
    await tokens.getTokensMe();
  });
});
