/**
 * The login host over real HTTP: grants, credentials, lifetimes, revocation.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from './index.js';
import { basic, call, login, postToken, read } from './testing.js';

describe('login', () => {
  let cloud: GenesysCloud;

  beforeEach(async () => {
    cloud = await startGenesysCloud({
      users: 3,
      clients: [DEFAULT_CLIENT, { clientId: 'odd:id +%', clientSecret: 'p%s:s +&=ü', tokenLifetimeSeconds: 600 }],
    });
  });
  afterEach(async () => {
    vi.useRealTimers();
    await cloud.close();
  });

  it('issues an opaque bearer token for client credentials', async () => {
    const response = await postToken(cloud);
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const body = await read<Record<string, unknown>>(response);
    expect(body).toEqual({ access_token: expect.any(String), token_type: 'bearer', expires_in: 86_399 });
    expect(String(body.access_token).length).toBeGreaterThan(60);
    expect(await login(cloud)).not.toBe(body.access_token);
    expect(cloud.control.counts()).toMatchObject({ tokenRequests: 2, tokensIssued: 2, loginByStatus: { '200': 2 } });
  });

  it('form-decodes id and secret of HTTP Basic', async () => {
    const encoded = await postToken(cloud, { authorization: basic('odd:id +%', 'p%s:s +&=ü') });
    expect(await read(encoded)).toMatchObject({ expires_in: 600 });
    const raw = Buffer.from('odd:id +%:p%s:s +&=ü').toString('base64');
    expect((await postToken(cloud, { authorization: `Basic ${raw}` })).status).toBe(400);
  });

  it('takes the credentials in the body, but not twice', async () => {
    const form = {
      grant_type: 'client_credentials',
      client_id: DEFAULT_CLIENT.clientId,
      client_secret: DEFAULT_CLIENT.clientSecret,
    };
    expect((await postToken(cloud, { authorization: undefined, form })).status).toBe(200);
    const twice = await postToken(cloud, { form });
    expect(twice.status).toBe(400);
    expect(await read(twice)).toMatchObject({ error: 'invalid_request' });
  });

  it.each([
    ['an unknown client', basic('nobody', 'x'), { grant_type: 'client_credentials' }, 400, 'invalid_client'],
    [
      'a wrong secret',
      basic(DEFAULT_CLIENT.clientId, 'x'),
      { grant_type: 'client_credentials' },
      401,
      'invalid_client',
    ],
    ['no credentials', undefined, { grant_type: 'client_credentials' }, 401, 'invalid_client'],
    ['a broken header', 'Basic !!!', { grant_type: 'client_credentials' }, 401, 'invalid_client'],
    [
      'another grant',
      basic(DEFAULT_CLIENT.clientId, DEFAULT_CLIENT.clientSecret),
      { grant_type: 'password' },
      400,
      'unsupported_grant_type',
    ],
    ['no grant', basic(DEFAULT_CLIENT.clientId, DEFAULT_CLIENT.clientSecret), { scope: 'x' }, 400, 'invalid_request'],
  ])('refuses %s', async (_, authorization, form, status, error) => {
    const response = await postToken(cloud, { authorization, form: form as Record<string, string> });
    expect(response.status).toBe(status);
    const body = await read<{ description: string; error_description: string }>(response);
    expect(body).toMatchObject({ error, description: expect.any(String) });
    expect(body.error_description).toBe(body.description);
    expect(cloud.control.counts().tokensIssued).toBe(0);
  });

  it('refuses a body that is not form-encoded, and other methods', async () => {
    const authorization = basic(DEFAULT_CLIENT.clientId, DEFAULT_CLIENT.clientSecret);
    const json = await fetch(cloud.tokenUrl, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: '{"grant_type":"client_credentials"}',
    });
    expect(json.status).toBe(400);
    expect((await fetch(cloud.tokenUrl)).status).toBe(405);
  });

  it('honours lifetimes: a token dies when expires_in is over', async () => {
    cloud.control.setTokenLifetime(60);
    vi.useFakeTimers({ toFake: ['Date'] });
    const token = await login(cloud);
    vi.setSystemTime(Date.now() + 59_000);
    expect((await call(cloud, token, '/api/v2/tokens/me')).status).toBe(200);
    vi.setSystemTime(Date.now() + 2_000);
    const late = await call(cloud, token, '/api/v2/tokens/me');
    expect(late.status).toBe(401);
    expect(await read(late)).toMatchObject({ code: 'bad.credentials', status: 401 });
    cloud.control.setTokenLifetime(null);
    expect(await read(postToken(cloud))).toMatchObject({ expires_in: 86_399 });
  });

  it('keeps several tokens of a client alive, and revokes one or all', async () => {
    const [first, second] = [await login(cloud), await login(cloud)];
    const status = async (token: string) => (await call(cloud, token, '/api/v2/tokens/me')).status;
    expect([await status(first), await status(second)]).toEqual([200, 200]);
    expect(cloud.control.revokeTokens(1)).toBe(1);
    expect([await status(first), await status(second)]).toEqual([401, 200]);
    expect(cloud.control.revokeTokens()).toBe(1);
    expect(await status(second)).toBe(401);
    expect(cloud.control.tokens().map((token) => token.revoked)).toEqual([true, true]);
  });

  it('kills the oldest token over the limit per client, if told so', async () => {
    cloud.control.setMaxTokensPerClient(2);
    const tokens = [await login(cloud), await login(cloud), await login(cloud)];
    const statuses = await Promise.all(tokens.map(async (t) => (await call(cloud, t, '/api/v2/tokens/me')).status));
    expect(statuses).toEqual([401, 200, 200]);
  });

  it('refuses the old secret as soon as there is a new one', async () => {
    cloud.control.setClientSecret(DEFAULT_CLIENT.clientId, 'new');
    expect((await postToken(cloud)).status).toBe(401);
    expect((await postToken(cloud, { authorization: basic(DEFAULT_CLIENT.clientId, 'new') })).status).toBe(200);
    expect(() => cloud.control.setClientSecret('nobody', 'x')).toThrow('nobody');
  });

  it('is a world of its own: the token of another region is worthless', async () => {
    const other = await startGenesysCloud({ users: 1, region: 'eu_west_1' });
    try {
      expect((await call(other, await login(cloud), '/api/v2/users')).status).toBe(401);
      const me = await read<{ id: string }>(call(other, await login(other), '/api/v2/organizations/me'));
      const here = await read<{ id: string }>(call(cloud, await login(cloud), '/api/v2/organizations/me'));
      expect(me.id).not.toBe(here.id);
    } finally {
      await other.close();
    }
  });
});
