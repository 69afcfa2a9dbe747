/** What a configuration of regions becomes, and what is refused so that no token goes to another organisation. */
import { describe, expect, it } from 'vitest';
import { BARE_HOST } from '../../shared/host.js';
import { readConfig } from '../config.js';

const PRIMARY = {
  name: 'eu',
  region: 'eu_central_1',
  upstream: 'genesys-eu',
  client_id: 'id-eu',
  client_secret: 's-eu',
};
const SECOND = {
  name: 'us',
  token_url: 'https://idp.example/t',
  upstream: 'genesys-us',
  client_id: 'id',
  client_secret: 's',
};
const REGIONS = [PRIMARY, SECOND];

function read(raw: Record<string, unknown>) {
  const { credential } = readConfig({ regions: REGIONS, ...raw }, BARE_HOST);
  if (credential.kind !== 'regional') throw new Error('not regional');
  return credential;
}

describe('regions', () => {
  it('have each their login, their client and their upstream, and the documented policy', () => {
    const { failover, policy } = read({});
    expect(failover.regions.map(({ name, upstream }) => [name, upstream])).toEqual([
      ['eu', 'genesys-eu'],
      ['us', 'genesys-us'],
    ]);
    expect(failover.regions.map(({ sources }) => sources.map((source) => source.current()))).toMatchObject([
      [{ tokenUrl: 'https://login.mypurecloud.de/oauth/token', clientId: 'id-eu', clientSecret: 's-eu' }],
      [{ tokenUrl: 'https://idp.example/t', clientId: 'id', clientSecret: 's' }],
    ]);
    expect(failover.policy).toEqual({ failures: 3, windowMs: 30_000, probeAfterMs: 30_000 });
    expect([...failover.methods]).toEqual(['GET', 'HEAD']);
    expect(failover.responseHeader).toBeUndefined();
    expect(policy.maxAttempts).toBe(3);
  });

  it('share how tokens are asked for, and each holds as many', () => {
    const { failover } = read({ tokens_per_client: 2, scope: 'a', auth_method: 'post' });
    for (const { sources } of failover.regions) {
      expect(sources.map((source) => source.current())).toMatchObject([
        { slot: 0, scope: 'a', authMethod: 'post' },
        { slot: 1, scope: 'a', authMethod: 'post' },
      ]);
    }
  });

  it("tolerate Kong's nulls", () => {
    const nulls = {
      region: null,
      token_url: null,
      client_id: null,
      client_secret: null,
      clients: null,
      failover: null,
    };
    const regions = REGIONS.map((region) => ({ region: null, token_url: null, ...region }));
    expect(read({ ...nulls, regions }).failover.regions).toHaveLength(2);
  });

  it.each([
    [{ region: 'us_east_1' }, 'config.region cannot stand beside regions'],
    [{ token_url: 'https://x/t' }, 'config.token_url cannot stand beside regions'],
    [{ client_id: 'x' }, 'config.client_id cannot stand beside regions'],
    [{ client_secret: 'the-secret' }, 'config.client_secret cannot stand beside regions'],
    [{ clients: [{ client_id: 'x', client_secret: 'y' }] }, 'config.clients cannot stand beside regions'],
    [{ circuit_breaker: {} }, 'config.circuit_breaker cannot stand beside regions'],
    [{ credential: 'bearer', secret: 'the-secret' }, 'config.regions is for credential oauth2'],
    [{ regions: [PRIMARY] }, 'config.regions must have a length of at least 2'],
    [{ regions: [PRIMARY, { ...SECOND, name: 'eu' }] }, 'config.regions[1].name is that of an earlier region'],
    [{ regions: [PRIMARY, { ...SECOND, name: 'a b' }] }, 'config.regions[1].name may hold letters'],
    [
      { regions: [PRIMARY, { ...SECOND, upstream: 'genesys-eu' }] },
      'config.regions[1].upstream is that of an earlier region: it would mix their tokens',
    ],
    [
      { regions: [PRIMARY, { ...PRIMARY, name: 'us', upstream: 'genesys-us' }] },
      'config.regions[1].client_id is that of an earlier region',
    ],
    [
      { regions: [{ ...PRIMARY, token_url: 'https://x/t' }, SECOND] },
      'config.regions[0].token_url cannot stand beside',
    ],
    [{ regions: [PRIMARY, { ...SECOND, token_url: null }] }, 'config.regions[1].region is required, or token_url'],
    [{ regions: [PRIMARY, { ...SECOND, token_url: 'http://x/t' }] }, 'config.regions[1].token_url must be https'],
    [{ regions: [PRIMARY, { ...SECOND, client_secret: '{vault://env/x}' }] }, 'config.regions[1].client_secret '],
    [{ regions: [{ ...PRIMARY, client_id: '' }, SECOND] }, 'config.regions[0].client_id must not be empty'],
    [{ regions: [PRIMARY, { ...SECOND, upstream: undefined }] }, 'config.regions[1].upstream is required'],
    [{ failover: { methods: ['get'] } }, 'config.failover.methods[0] must be a method'],
    [{ failover: { failures: 0 } }, 'config.failover.failures must be between'],
    [{ failover: { response_header: 'Content-Length' } }, 'config.failover.response_header is a header'],
  ])('%j: %s', (raw, message) => {
    expect(() => read(raw)).toThrow(message);
    expect(() => read(raw)).not.toThrow('the-secret');
  });

  it('are what failover needs', () => {
    const raw = { client_id: 'id', client_secret: 's', failover: {} };
    expect(() => readConfig(raw, BARE_HOST)).toThrow('config.failover is for a configuration with regions');
  });
});
