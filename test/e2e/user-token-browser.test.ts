/**
 * An app in a real browser: a page with Genesys' SDK, which logs its user in at the simulator with PKCE, and calls through
 * Kong with cors from another origin.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserMissing, startBrowser } from '../../kong/testbed/browser.js';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { call, login, read } from '../../kong/testbed/genesys-cloud/testing.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { GATEWAY_KIND, type Gateway, startGateway } from './gateway.js';

const MISSING = GATEWAY_KIND === 'local' ? 'the local gateway goes without cors' : browserMissing();
const SDK = join(ROOT, 'node_modules/purecloud-platform-client-v2/dist/web-cjs/purecloud-platform-client-v2.min.js');
const CLIENT_ID = 'app-in-a-browser';

/** What the page reports, or why it failed. */
interface Report {
  error?: string;
  id?: string;
  /** The answer's headers that the page may read. */
  correlationId?: string;
  afterRevocation?: { status?: number; code?: string };
  unknownToken?: { status?: number; code?: string };
}

let page: Server;
let pageUrl: string;
let genesys: GenesysCloud;
let gateway: Gateway;
let report: Report | undefined;

beforeAll(async () => {
  if (MISSING !== undefined) return;
  page = createServer((request, response) => {
    const path = request.url?.split('?')[0];
    if (path === '/report') {
      let text = '';
      request.on('data', (chunk) => {
        text += chunk;
      });
      request.on('end', () => {
        report = JSON.parse(text) as Report;
        response.end();
      });
      return;
    }
    if (path === '/revoke') genesys.control.revokeTokens();
    response.setHeader('Content-Type', path === '/' ? 'text/html' : 'text/javascript');
    response.end(path === '/' ? html() : path === '/sdk.js' ? readFileSync(SDK) : '');
  });
  await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
  pageUrl = `http://127.0.0.1:${(page.address() as AddressInfo).port}/`;
  genesys = await startGenesysCloud({
    users: 3,
    clients: [DEFAULT_CLIENT, { clientId: CLIENT_ID, clientSecret: 'unused', redirectUris: [pageUrl] }],
  });
  const { id } = await read<{ id: string }>(call(genesys, await login(genesys), '/api/v2/organizations/me'));
  gateway = await startGateway({ config: configuration(id), plugins: PLUGINS });
});
afterAll(async () => {
  await gateway?.close();
  await genesys?.close();
  page?.close();
  page?.closeAllConnections();
});

function configuration(organizationId: string) {
  const cors = {
    origins: [pageUrl.slice(0, -1)],
    methods: ['GET', 'POST'],
    headers: ['Accept', 'Authorization', 'Content-Type'],
    exposed_headers: ['ININ-Correlation-Id', 'Retry-After'],
    credentials: false,
  };
  const userToken = {
    api_url: genesys.url,
    organizations: [organizationId],
    consumers: [{ consumer: 'agent-desktop', client_id: CLIENT_ID }],
  };
  const plugins = [
    { name: 'cors', config: cors },
    { name: 'genesys-user-token', config: userToken },
  ];
  const routes = [{ name: 'apps', paths: ['/apps/api/v2/'], plugins }];
  return {
    services: [{ name: 'genesys', url: `${genesys.url}/api/v2`, read_timeout: 10_000, routes }],
    consumers: [{ username: 'agent-desktop' }],
  };
}

/** The page: what docs/user-apps.md says, but that the region's login is the simulator. */
const html = (): string => `<!doctype html><script src="/sdk.js"></script><script>
  const platformClient = require('platformClient');
  const client = platformClient.ApiClient.instance;
  client.config.basePath = '${gateway.url}/apps';
  client.config.getConfUrl = (kind, url) => kind === 'login' ? '${genesys.url}' : url;
  client.setReturnExtendedResponses(true);
  const send = (report) => fetch('/report', { method: 'POST', body: JSON.stringify(report) });
  (async () => {
    await client.loginPKCEGrant('${CLIENT_ID}', location.origin + location.pathname);
    const users = new platformClient.UsersApi();
    const { body, headers } = await users.getUsersMe();
    await fetch('/revoke');
    const { status, body: refusal } = await users.getUsersMe().catch((error) => error);
    const correlationId = headers['inin-correlation-id'];
    const headersOfAnother = { Authorization: 'Bearer made-up' };
    const unknown = await fetch('${gateway.url}/apps/api/v2/users/me', { headers: headersOfAnother });
    const unknownToken = { status: unknown.status, code: (await unknown.json()).code };
    await send({ id: body.id, correlationId, afterRevocation: { status, code: refusal && refusal.code }, unknownToken });
  })().catch((error) => send({ error: String(error) }));
</script>`;

describe('an app in Chromium', unless(MISSING), () => {
  it('logs its user in, calls through the gateway, and reads its refusals', { timeout: 120_000 }, async () => {
    const browser = await startBrowser();
    try {
      await (await browser.newTab()).open(pageUrl);
      const { error, ...rest } = await waitFor('the report of the page', () => report, 100_000);
      expect(error).toBeUndefined();
      expect(rest).toEqual({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        // The gateway still knows the token, and Genesys does not.
        afterRevocation: { status: 401, code: 'bad.credentials' },
        unknownToken: { status: 401, code: 'gateway.request.refused' },
      });
      expect(genesys.control.counts().byPath).toMatchObject({ 'GET /api/v2/users/me': 3 });
    } finally {
      await browser.close();
    }
  });
});
