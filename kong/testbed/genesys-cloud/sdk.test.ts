/**
 * Genesys' own JavaScript SDK against the simulator: what it lists must be what the simulator has.
 */
import platformClient from 'purecloud-platform-client-v2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from './index.js';
import { login } from './testing.js';

let cloud: GenesysCloud;
const client = platformClient.ApiClient.instance;

beforeAll(async () => {
  cloud = await startGenesysCloud({ users: 230 });
  client.setGateway({ host: '127.0.0.1', protocol: 'http', port: cloud.port });
});
afterAll(() => cloud.close());

it('lists all users page by page with a token set by hand', async () => {
  client.setAccessToken(await login(cloud));
  const api = new platformClient.UsersApi();
  const ids = new Set<string>();
  let pages = 0;
  for (let pageNumber = 1; ; pageNumber += 1) {
    const page = await api.getUsers({ pageSize: 100, pageNumber, expand: ['presence'] });
    pages += 1;
    expect(page.total).toBe(230);
    for (const user of page.entities ?? []) {
      expect(user.presence?.presenceDefinition?.systemPresence).toEqual(expect.any(String));
      ids.add(user.id ?? '');
    }
    if (page.nextUri === undefined) break;
  }
  expect([pages, ids.size]).toEqual([3, 230]);
  expect(cloud.control.counts()).toMatchObject({ unauthorized: 0, byPath: { 'GET /api/v2/users': 3 } });
});

it('logs in by itself and reads an entity', async () => {
  await client.loginClientCredentialsGrant(DEFAULT_CLIENT.clientId, DEFAULT_CLIENT.clientSecret);
  const me = await new platformClient.OrganizationApi().getOrganizationsMe();
  expect(me.name).toBe('Simulated organization us_east_1');
});

it('understands the errors', async () => {
  cloud.control.revokeTokens();
  const failure = await new platformClient.UsersApi().getUsers().catch((error: unknown) => error);
  expect(failure).toMatchObject({ status: 401, code: 'bad.credentials', errors: [] });
});
