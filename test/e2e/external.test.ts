/**
 * Data Actions of Genesys Cloud call other systems through the gateway: the action holds a gateway key, and the system's
 * credential is put in on the way, from the environment as Kong's vault hands it over.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { type EchoServer, startEchoServer } from '../support/echo-server.js';
import { type Gateway, startGateway } from './gateway.js';

const KEY = { apikey: 'key-of-the-data-action' };
const ENV = {
  PROD_CRM_BEARER: 'bearer-of-crm-8d1f',
  PROD_PAY_USERNAME: 'shop',
  PROD_PAY_PASSWORD: 'password-of-pay-77aa',
  PROD_SEARCH_APIKEY: 'key-of-search-0c3e',
  PROD_ERP_CLIENTID: DEFAULT_CLIENT.clientId,
  PROD_ERP_CLIENTSECRET: DEFAULT_CLIENT.clientSecret,
};
/** What goes to nobody but the system it belongs to. */
const SECRETS = [
  ENV.PROD_CRM_BEARER,
  ENV.PROD_PAY_PASSWORD,
  btoa(`${ENV.PROD_PAY_USERNAME}:${ENV.PROD_PAY_PASSWORD}`),
  ENV.PROD_SEARCH_APIKEY,
  ENV.PROD_ERP_CLIENTSECRET,
];
const LIMIT_BYTES = 512 * 1024;

let gateway: Gateway;
let echo: EchoServer;
/** Plays the token endpoint of another vendor. */
let login: GenesysCloud;

beforeAll(async () => {
  [echo, login] = await Promise.all([startEchoServer(), startGenesysCloud()]);
  gateway = await startGateway({ config: externalSystems(), plugins: PLUGINS, env: ENV });
});
afterAll(async () => {
  await gateway?.close();
  await echo?.close();
  await login?.close();
});
beforeEach(() => {
  echo.received.length = 0;
});

function externalSystems() {
  const system = (name: string, credential: Record<string, unknown>, further: unknown[] = []) => ({
    name: `external-${name}`,
    url: `${echo.url}/${name}-api`,
    retries: 0,
    routes: [
      {
        name: `external-${name}`,
        paths: [`/external/${name}`],
        plugins: [
          { name: 'key-auth', config: { key_names: ['apikey'], key_in_query: false, hide_credentials: true } },
          { name: 'request-size-limiting', config: { allowed_payload_size: 512, size_unit: 'kilobytes' } },
          { name: 'genesys-token-manager', config: credential },
          ...further,
        ],
      },
    ],
  });
  return {
    services: [
      system('crm', { credential: 'bearer', secret: '{vault://env/prod-crm-bearer}' }),
      system('pay', {
        credential: 'basic',
        username: '{vault://env/prod-pay-username}',
        password: '{vault://env/prod-pay-password}',
      }),
      system('search', {
        credential: 'api_key',
        header_name: 'X-Api-Key',
        secret: '{vault://env/prod-search-apikey}',
      }),
      system('erp', {
        token_url: login.tokenUrl,
        client_id: '{vault://env/prod-erp-clientid}',
        client_secret: '{vault://env/prod-erp-clientsecret}',
      }),
      // A system that answers with what it was sent, behind a filter that lets through what the action needs.
      system('masked', { credential: 'bearer', secret: '{vault://env/prod-crm-bearer}' }, [
        {
          name: 'genesys-response-filter',
          config: { rules: [{ keep: ['method', 'url', 'headers.x-own', 'bodyBytes'] }] },
        },
      ]),
    ],
    consumers: [{ username: 'data-actions', keyauth_credentials: [{ key: KEY.apikey }] }],
  };
}

const call = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${gateway.url}/external${path}`, { ...init, headers: { ...KEY, ...init.headers } });

async function headersSeen(path: string, headers: Record<string, string> = {}) {
  const response = await call(path, { headers });
  expect(response.status).toBe(200);
  await response.arrayBuffer();
  return echo.received.at(-1)?.headers ?? {};
}

describe('a call to another system', () => {
  it.each([
    ['/crm', 'authorization', `Bearer ${ENV.PROD_CRM_BEARER}`],
    ['/pay', 'authorization', `Basic ${btoa(`${ENV.PROD_PAY_USERNAME}:${ENV.PROD_PAY_PASSWORD}`)}`],
    ['/search', 'x-api-key', ENV.PROD_SEARCH_APIKEY],
  ])('%s carries its credential in %s', async (path, name, value) => {
    const seen = await headersSeen(`${path}/v1/things?a=1`, { 'X-Own': 'kept' });
    expect(seen[name]).toBe(value);
    expect(seen['x-own']).toBe('kept');
    expect(echo.received.at(-1)?.url).toBe(`${path}-api/v1/things?a=1`);
  });

  it('with OAuth carries a token of its own token endpoint', async () => {
    const before = login.control.counts().tokenRequests;
    const { authorization } = await headersSeen('/erp/orders');
    expect(authorization).toMatch(/^Bearer \S+$/);
    // The vendor knows this token.
    const me = await fetch(`${login.url}/api/v2/tokens/me`, { headers: { Authorization: authorization ?? '' } });
    expect(me.status).toBe(200);
    await me.arrayBuffer();
    await headersSeen('/erp/orders');
    expect(login.control.counts().tokenRequests).toBeLessThanOrEqual(before + 1);
  });

  it.each(['/crm', '/pay', '/search', '/erp'])(
    "%s: the client's own credentials do not get there, whatever it sends",
    async (path) => {
      const seen = await headersSeen(path, {
        Authorization: 'Bearer forged',
        // The header of the credential, where there is one.
        ...(path === '/search' ? { 'X-Api-Key': 'forged' } : {}),
        'X-Consumer-Username': 'forged',
        'Proxy-Authorization': 'Basic forged',
        Cookie: 'session=forged',
        Connection: 'close',
      });
      const text = JSON.stringify(seen);
      expect(text).not.toContain('forged');
      expect(text).not.toContain(KEY.apikey);
    },
  );

  it('without a key gets nowhere', async () => {
    const response = await call('/crm', { headers: { apikey: 'wrong' } });
    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain(ENV.PROD_CRM_BEARER);
    expect(echo.received).toEqual([]);
  });

  it('with a body of 512 KB passes whole, and with one byte more gets 413', async () => {
    const send = (bytes: number) => call('/crm/upload', { method: 'POST', body: new Uint8Array(bytes) });
    const fits = await send(LIMIT_BYTES);
    expect([fits.status, echo.received.at(-1)?.body.length]).toEqual([200, LIMIT_BYTES]);
    await fits.arrayBuffer();
    const large = await send(LIMIT_BYTES + 1);
    expect(large.status).toBe(413);
    await large.arrayBuffer();
    expect(echo.received).toHaveLength(1);
  });

  it('with a body that does not say how long it is gets 413 just so', async () => {
    const chunks = (bytes: number) =>
      new ReadableStream({
        start(controller) {
          for (let sent = 0; sent < bytes; sent += 65_536) {
            controller.enqueue(new Uint8Array(Math.min(65_536, bytes - sent)));
          }
          controller.close();
        },
      });
    const init = { method: 'POST', body: chunks(LIMIT_BYTES + 1), duplex: 'half' } as RequestInit;
    const response = await call('/crm/upload', init);
    await response.arrayBuffer();
    expect([response.status, echo.received.length]).toEqual([413, 0]);
  });
});

describe('a system that answers with what it was sent', () => {
  it('shows its credential to the client where nothing stands between', async () => {
    expect(await (await call('/crm')).text()).toContain(ENV.PROD_CRM_BEARER);
  });

  it('does not behind a response filter', async () => {
    const response = await call('/masked/v1', { headers: { 'X-Own': 'kept' } });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      method: 'GET',
      url: '/masked-api/v1',
      headers: { 'x-own': 'kept' },
      bodyBytes: 0,
    });
    expect(echo.received.at(-1)?.headers.authorization).toBe(`Bearer ${ENV.PROD_CRM_BEARER}`);
  });
});

it('leaves no credential in the log', () => {
  for (const secret of SECRETS) expect(gateway.log()).not.toContain(secret);
});
