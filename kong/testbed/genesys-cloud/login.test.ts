/**
 * The login host over real HTTP: grants, credentials, lifetimes, revocation.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from './index.js';
import { APP_CLIENT, basic, call, login, loginUser, postToken, read } from './testing.js';

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

describe('login of users, with PKCE', () => {
  let cloud: GenesysCloud;
  const [redirectUri] = APP_CLIENT.redirectUris;
  const verifier = 'v'.repeat(43);
  /** The digest of `verifier`, computed with OpenSSL. */
  const challenge = '7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM';

  beforeEach(async () => {
    cloud = await startGenesysCloud({ users: 3, clients: [DEFAULT_CLIENT, APP_CLIENT] });
  });
  afterEach(() => cloud.close());

  async function authorize(changes: Record<string, string | undefined> = {}): Promise<URL | number> {
    const query: Record<string, string | undefined> = {
      client_id: APP_CLIENT.clientId,
      redirect_uri: redirectUri,
      response_type: 'code',
      code_challenge: challenge,
      code_challenge_method: 'S256',
      state: 'of the app',
      ...changes,
    };
    const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
    const url = `${cloud.url}/oauth/authorize?${new URLSearchParams(given)}`;
    const response = await fetch(url, { redirect: 'manual' });
    return response.status === 302 ? new URL(response.headers.get('location') ?? '') : response.status;
  }

  function redeem(code: string, changes: Record<string, string> = {}): Promise<Response> {
    const form = {
      grant_type: 'authorization_code',
      client_id: APP_CLIENT.clientId,
      redirect_uri: redirectUri,
      code_verifier: verifier,
      code,
      ...changes,
    };
    return postToken(cloud, { authorization: undefined, form, headers: { origin: 'https://app.example.com' } });
  }

  async function codeOf(changes: Record<string, string> = {}): Promise<string> {
    const back = await authorize(changes);
    return (back instanceof URL && back.searchParams.get('code')) || '';
  }

  it('sends the browser back with a code, which is good once', async () => {
    const back = await authorize();
    expect(String(back)).toMatch(/^http:\/\/127\.0\.0\.1\/app\?code=[\w-]+&state=of\+the\+app$/);
    const code = await codeOf();
    const response = await redeem(code);
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe('https://app.example.com');
    expect(await read(response)).toMatchObject({ token_type: 'bearer', expires_in: 86_399 });
    expect((await redeem(code)).status).toBe(400);
  });

  it.each([
    ['another verifier', { code_verifier: 'w'.repeat(43) }],
    ['another redirect', { redirect_uri: `${redirectUri}/2` }],
    ['another client', { client_id: DEFAULT_CLIENT.clientId }],
  ])('refuses %s', async (_, changes) => {
    const response = await redeem(await codeOf(), changes);
    expect([response.status, await read(response)]).toMatchObject([400, { error: 'invalid_grant' }]);
  });

  it.each([
    ['an unknown client', { client_id: 'nobody' }, 400],
    ['an unknown redirect', { redirect_uri: 'https://elsewhere.example.com' }, 400],
    ['a client without users', { client_id: DEFAULT_CLIENT.clientId }, 400],
  ])('does not send the browser to %s', async (_, changes, status) => {
    expect(await authorize(changes)).toBe(status);
  });

  it.each([
    ['plain PKCE', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['no PKCE', { code_challenge: undefined }, 'invalid_request'],
    ['the implicit grant', { response_type: 'token' }, 'unsupported_response_type'],
    ['an unknown user', { login_hint: 'nobody@example.com' }, 'access_denied'],
  ])('tells the app of %s', async (_, changes, error) => {
    const back = await authorize(changes);
    expect(back instanceof URL && back.searchParams.get('error')).toBe(error);
  });

  it('gives a token that is its user, which that of a client is not', async () => {
    const users = await read<{ entities: { id: string; email: string }[] }>(
      call(cloud, await login(cloud), '/api/v2/users'),
    );
    const [, second] = users.entities;
    const token = await loginUser(cloud, { email: second?.email });
    expect(await read(call(cloud, token, '/api/v2/users/me?expand=groups'))).toMatchObject({
      id: second?.id,
      groups: [{ id: expect.any(String) }],
    });
    expect(await read(call(cloud, token, '/api/v2/tokens/me'))).toMatchObject({
      OAuthClient: { id: APP_CLIENT.clientId, authorizedGrantType: 'CODE' },
    });
    expect((await call(cloud, await login(cloud), '/api/v2/users/me')).status).toBe(400);
    expect((await call(cloud, token, '/api/v2/tokens/me', { method: 'DELETE' })).status).toBe(200);
    expect((await call(cloud, token, '/api/v2/users/me')).status).toBe(401);
  });
});
