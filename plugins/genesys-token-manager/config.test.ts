/** What the plugin refuses beyond Kong's schema, what it makes of a configuration, and that no secret is in an error. */
import { describe, expect, it } from 'vitest';
import { readClient, readOauth } from '../../test/support/token-manager-config.js';
import { BARE_HOST } from '../shared/host.js';
import { REGIONS, regionTokenUrl } from '../shared/regions.js';
import { readConfig as readConfigOn } from './config.js';

const GOOD = { client_id: 'id', client_secret: 'the-secret' };
const KEY = Buffer.alloc(32, 7).toString('base64');

const readConfig = (raw: unknown) => readConfigOn(raw, BARE_HOST);

describe('readConfig', () => {
  it('has the documented defaults', () => {
    const { client, policy } = readClient(GOOD);
    const { headerName, purgeOnStatuses, breaker } = readConfig(GOOD);
    expect([...purgeOnStatuses]).toEqual([401]);
    expect(breaker).toBeUndefined();
    expect(client).toMatchObject({
      tokenUrl: 'https://login.mypurecloud.com/oauth/token',
      tokenHost: 'login.mypurecloud.com',
      scope: undefined,
    });
    expect(policy).toEqual({ refreshAheadMs: 300_000, timeoutMs: 5_000, maxAttempts: 3 });
    expect(headerName).toBe('Authorization');
  });

  it("tolerates Kong's bookkeeping", () => {
    const bookkeeping = {
      $refs: { client_secret: '{vault://env/secret}' },
      __seq__: 3,
      __key__: 'k',
      __plugin_id: 'p',
      __ws_id: 'w',
      service_id: null,
      route_id: 'r',
    };
    const nulls = { scope: null, token_url: null, clients: null, redis: null, circuit_breaker: null };
    expect(readClient({ ...GOOD, ...bookkeeping, ...nulls }).client.key).toBe(readClient(GOOD).client.key);
    expect(readConfig({ ...GOOD, service_id: 's' }).serviceId).toBe('s');
  });

  it('prefers token_url to the region', () => {
    const { client } = readClient({ ...GOOD, region: 'eu_west_1', token_url: 'https://idp.example/t?x=1' });
    expect(client.tokenUrl).toBe('https://idp.example/t?x=1');
  });

  it.each(['http://localhost:8090/t', 'http://127.0.0.1/t', 'http://127.9.9.9/t', 'http://[::1]:1/t', 'https://x/t'])(
    'takes %s',
    (token_url) => {
      expect(readClient({ ...GOOD, token_url }).client.tokenUrl).toBe(token_url);
    },
  );

  it.each([
    ['http://login.mypurecloud.com/t', 'must be https'],
    ['http://127.0.0.1.evil.example/t', 'must be https'],
    ['http://localhost.evil.example/t', 'must be https'],
    ['http://10.0.0.1/t', 'must be https'],
    ['ftp://localhost/t', 'must be https'],
    ['file:///etc/passwd', 'must be https'],
    ['https://user:pass@x/t', 'must not hold credentials'],
    ['https://user@x/t', 'must not hold credentials'],
    ['https://x/t#f', 'must not hold a fragment'],
    ['https://x/t#', 'must not hold a fragment'],
    ['/oauth/token', 'is not an absolute URL'],
    ['', 'must not be empty'],
  ])('refuses token_url %s', (token_url, problem) => {
    expect(() => readConfig({ ...GOOD, token_url })).toThrow(`config.token_url ${problem}`);
  });

  it.each(['client_id', 'client_secret'])('refuses an empty or unresolved %s', (field) => {
    for (const value of ['', '  ', '{vault://env/genesys-secret}', ' {vault://hcv/a/b?ttl=5}\n', null, 7]) {
      const attempt = () => readConfig({ ...GOOD, [field]: value });
      expect(attempt).toThrow(new RegExp(`^config\\.${field} [^\\n]+$`));
      expect(attempt).not.toThrow(/vault:\/\//);
    }
  });

  it.each(['X-Token', 'authorization', "!#$%&'*+^_`|~09Az-"])('takes header_name %s', (header_name) => {
    expect(readConfig({ ...GOOD, header_name }).headerName).toBe(header_name);
  });

  it.each(['', 'a b', 'a.b', 'a:', 'a\n', 'ä', '"a"', 'Host', 'content-length', 'Transfer-Encoding', 'Connection'])(
    'refuses header_name %j',
    (header_name) => {
      expect(() => readConfig({ ...GOOD, header_name })).toThrow(/^config\.header_name /);
    },
  );

  it.each([
    ['timeout_ms', 99],
    ['timeout_ms', 20_001],
    ['timeout_ms', 1_000.5],
    ['max_attempts', 0],
    ['max_attempts', 11],
    ['refresh_ahead_seconds', -1],
    ['refresh_ahead_seconds', '300'],
    ['region', 'mars_1'],
  ])('refuses %s %s', (field, value) => {
    expect(() => readConfig({ ...GOOD, [field]: value })).toThrow(`config.${field} `);
  });

  it.each([
    [{ token_headers: { Authorization: 'x' } }, 'token_headers.Authorization', 'is set by the plugin itself'],
    [{ token_headers: { 'Content-Length': '1' } }, 'token_headers.Content-Length', 'cannot carry'],
    [{ token_headers: { 'X-A': 'a\r\nX-B: b' } }, 'token_headers.X-A', 'no header can carry'],
    [{ token_headers: { 'X-A': ' ' } }, 'token_headers.X-A', 'is empty'],
    [{ assertion_key_id: 'k' }, 'assertion_key_id', 'is for client_secret_jwt'],
    [{ no_proxy: ['*'] }, 'no_proxy', 'is for proxy_url'],
    [{ auth_method: 'private_key_jwt' }, 'client_secret', 'is no private key'],
    [
      { auth_method: 'client_secret_jwt', extra_params: { client_assertion: 'x' } },
      'extra_params.client_assertion',
      'is set by the plugin itself',
    ],
  ])('refuses %j', (settings, field, problem) => {
    expect(() => readConfig({ ...GOOD, ...settings })).toThrow(`config.${field} `);
    expect(() => readConfig({ ...GOOD, ...settings })).toThrow(problem);
  });

  it('keys tokens by endpoint, id, scope and secret, without the secret in it', () => {
    const key = (overrides = {}) => readClient({ ...GOOD, ...overrides }).client.key;
    const keys = [
      key(),
      key({ client_id: 'id2' }),
      key({ client_secret: 'other' }),
      key({ scope: 's' }),
      key({ region: 'eu_west_1' }),
      key({ auth_method: 'post' }),
      key({ extra_params: { audience: 'a' } }),
      key({ proxy_url: 'http://proxy.example:3128' }),
    ];
    expect(new Set(keys).size).toBe(8);
    expect(key({ extra_params: { a: '1', b: '2' } })).toBe(key({ extra_params: { b: '2', a: '1' } }));
    expect(keys[0]).not.toContain('the-secret');
    const elsewhere = { header_name: 'X-Token', timeout_ms: 100, token_url: regionTokenUrl('us_east_1') };
    expect(key(elsewhere)).toBe(key());
  });
});

describe('a pool', () => {
  const clients = [GOOD, { client_id: 'id2', client_secret: 's2' }];

  it('has tokens_per_client tokens of each client, each under a key of its own', () => {
    const { sources } = readOauth({ clients, tokens_per_client: 3 });
    const keys = sources.map((source) => source.current());
    expect(keys.map(({ clientId, slot }) => [clientId, slot])).toEqual([
      ['id', 0],
      ['id', 1],
      ['id', 2],
      ['id2', 0],
      ['id2', 1],
      ['id2', 2],
    ]);
    expect(new Set(keys.map(({ key }) => key)).size).toBe(6);
    expect(keys[0]?.key).toBe(readClient(GOOD).client.key);
  });

  it.each([
    ['beside client_id', { clients, client_id: 'x' }, 'clients cannot stand beside'],
    ['with a client twice', { clients: [GOOD, GOOD] }, 'clients[1].client_id is listed twice'],
    ['with an empty secret', { clients: [{ ...GOOD, client_secret: ' ' }] }, 'clients[0].client_secret is empty'],
    ['without any', { clients: [] }, 'clients must not be empty'],
    ['of too many tokens', { ...GOOD, tokens_per_client: 11 }, 'tokens_per_client must be between 1 and 10'],
  ])('is refused %s', (_, raw, problem) => {
    expect(() => readConfig(raw)).toThrow(`config.${problem}`);
  });
});

describe('the other settings', () => {
  const redis = { host: 'redis.example' };

  it.each([
    [{ ...GOOD, cache: 'redis', cache_encryption_key: KEY }, 'redis is required'],
    [{ ...GOOD, cache: 'redis', redis }, 'cache_encryption_key is required'],
    [{ ...GOOD, cache: 'redis', redis, cache_encryption_key: 'c2hvcnQ=' }, 'cache_encryption_key must be 32 bytes'],
    [{ ...GOOD, cache: 'redis', redis, cache_encryption_key: `${KEY}!` }, 'cache_encryption_key must be 32 bytes'],
    [{ ...GOOD, extra_params: { grant_type: 'password' } }, 'extra_params.grant_type is set by the plugin itself'],
    [{ ...GOOD, proxy_url: 'socks5://p' }, 'proxy_url must be http or https'],
    [{ ...GOOD, proxy_url: 'p:3128/x' }, 'proxy_url must be http or https'],
    [{ ...GOOD, proxy_url: 'http://p/x' }, 'proxy_url must have no path'],
    [
      { ...GOOD, proxy_url: 'http://p', token_url: 'http://127.0.0.1/t' },
      'proxy_url is for a token endpoint with https',
    ],
    [{ ...GOOD, ca_file: 'ca.pem' }, 'ca_file is "ca.pem", which is not an absolute path'],
    [
      { ...GOOD, ca_file: '/nowhere/ca.pem' },
      'ca_file is "/nowhere/ca.pem", which cannot be used: the plugin server was',
    ],
    [
      { ...GOOD, client_secret: 'file:/etc/hostname' },
      'client_secret is the file "/etc/hostname", which cannot be used',
    ],
    [{ ...GOOD, purge_on_statuses: [200] }, 'purge_on_statuses[0] must be between 400 and 599'],
    [{ ...GOOD, circuit_breaker: { failures: 0 } }, 'circuit_breaker.failures must be between'],
    [{ credential: 'bearer' }, 'secret is required'],
    [{ credential: 'bearer', secret: 'a b' }, 'secret holds characters that no header can carry'],
    [{ credential: 'api_key', secret: 'x\r\ny: z' }, 'secret holds characters that no header can carry'],
    [{ credential: 'basic', username: 'u' }, 'password is required'],
    [{ credential: 'basic', username: 'u:v', password: 'p' }, 'username must not hold a colon'],
    [{ credential: 'oauth2' }, 'client_id is required'],
  ])('refuse %j', (raw, problem) => {
    expect(() => readConfig(raw)).toThrow(`config.${problem}`);
  });

  it('have a breaker with its defaults, which opens for ten minutes at most', () => {
    expect(readConfig({ ...GOOD, circuit_breaker: {} }).breaker).toEqual({
      failures: 5,
      windowMs: 30_000,
      openMs: 10_000,
      maxOpenMs: 320_000,
    });
    expect(readConfig({ ...GOOD, circuit_breaker: { open_seconds: 100 } }).breaker?.maxOpenMs).toBe(600_000);
  });

  it.each([
    [{ credential: 'bearer', secret: 'abc' }, 'Bearer abc'],
    [{ credential: 'api_key', secret: 'abc' }, 'abc'],
    [{ credential: 'basic', username: 'ü', password: 'p:w' }, `Basic ${Buffer.from('ü:p:w').toString('base64')}`],
  ])('make of %j the header', (raw, value) => {
    const { credential } = readConfig(raw);
    expect(credential.kind === 'static' && credential.headerValue()).toBe(value);
  });
});

describe('regions', () => {
  it('are all 18, each with a login host of its own', () => {
    expect(REGIONS).toHaveLength(18);
    const urls = REGIONS.map(regionTokenUrl);
    expect(new Set(urls).size).toBe(18);
    for (const url of urls) expect(url).toMatch(/^https:\/\/login\.[a-z0-9.-]+\.[a-z]+\/oauth\/token$/);
    expect(regionTokenUrl('eu_central_1')).toBe('https://login.mypurecloud.de/oauth/token');
  });
});
