/** What the plugin refuses beyond Kong's schema, what it makes of a configuration, and that no secret is in an error. */
import { describe, expect, it } from 'vitest';
import { REGIONS, regionTokenUrl } from '../shared/regions.js';
import { readConfig } from './config.js';

const GOOD = { client_id: 'id', client_secret: 'the-secret' };

describe('readConfig', () => {
  it('has the documented defaults', () => {
    const { client, policy, headerName } = readConfig(GOOD);
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
    expect(readConfig({ ...GOOD, ...bookkeeping, scope: null, token_url: null })).toEqual(readConfig(GOOD));
  });

  it('prefers token_url to the region', () => {
    const { client } = readConfig({ ...GOOD, region: 'eu_west_1', token_url: 'https://idp.example/t?x=1' });
    expect(client.tokenUrl).toBe('https://idp.example/t?x=1');
  });

  it.each(['http://localhost:8090/t', 'http://127.0.0.1/t', 'http://127.9.9.9/t', 'http://[::1]:1/t', 'https://x/t'])(
    'takes %s',
    (token_url) => {
      expect(readConfig({ ...GOOD, token_url }).client.tokenUrl).toBe(token_url);
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

  it.each(['X-Token', 'authorization', "!#$%&'*+.^_`|~09Az-"])('takes header_name %s', (header_name) => {
    expect(readConfig({ ...GOOD, header_name }).headerName).toBe(header_name);
  });

  it.each(['', 'a b', 'a:', 'a\n', 'ä', '"a"', 'Host', 'content-length', 'Transfer-Encoding', 'Connection'])(
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

  it('keys tokens by endpoint, id, scope and secret, without the secret in it', () => {
    const key = (overrides = {}) => readConfig({ ...GOOD, ...overrides }).client.key;
    const keys = [
      key(),
      key({ client_id: 'id2' }),
      key({ client_secret: 'other' }),
      key({ scope: 's' }),
      key({ region: 'eu_west_1' }),
    ];
    expect(new Set(keys).size).toBe(5);
    expect(keys[0]).not.toContain('the-secret');
    const elsewhere = { header_name: 'X-Token', timeout_ms: 100, token_url: regionTokenUrl('us_east_1') };
    expect(key(elsewhere)).toBe(key());
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
