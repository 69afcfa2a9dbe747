/** Which entries become one, and which stay separate for what reason. */
import { describe, expect, it } from 'vitest';
import { combineConfig } from './apply.js';
import { planCombinations } from './plan.js';

const plugin = (name: string, more: Record<string, unknown> = {}) => ({
  name: `genesys-${name}`,
  config: { of: name },
  ...more,
});
const [LOG, QUOTA, TOKENS, FILTER] = ['pii-log', 'quota', 'token-manager', 'response-filter'].map((name) =>
  plugin(name),
) as [Entry, Entry, Entry, Entry];
type Entry = ReturnType<typeof plugin>;
const LOGIN = plugin('login');

/** A service with one route, and consumers. */
const state = (parts: { service?: object[]; route?: object[]; consumer?: object[]; global?: object[] }) => ({
  services: [{ name: 's', plugins: parts.service ?? [], routes: [{ name: 'r', plugins: parts.route ?? [] }] }],
  consumers: [{ username: 'c', plugins: parts.consumer ?? [] }],
  plugins: parts.global ?? [],
});

/** What is combined, as `place: name with records`. */
const combinedIn = (document: Record<string, unknown>): string[] =>
  planCombinations(document).combinations.map(
    ({ name, members }) =>
      `${members[0]?.path.slice(0, -2).join('.')}: ${name} with ${members.map(({ record }) => record).join(', ')}`,
  );
const reasonsIn = (document: Record<string, unknown>): string[] =>
  planCombinations(document).separate.map(({ label, reason }) => `${label}: ${reason}`);

const ROUTE = 'services.0.routes.0';

describe('entries at one place', () => {
  it('become one, with the records in the order of the parts', () => {
    const config = combineConfig(state({ route: [{ name: 'key-auth' }, TOKENS, FILTER, { name: 'acl' }, QUOTA, LOG] }));
    expect(config.services[0]?.routes[0]?.plugins).toEqual([
      { name: 'key-auth' },
      {
        name: 'genesys-gateway',
        config: {
          pii_log: LOG.config,
          quota: QUOTA.config,
          token_manager: TOKENS.config,
          response_filter: FILTER.config,
        },
      },
      { name: 'acl' },
    ]);
  });

  it('need no buffering if none of them did', () => {
    expect(combinedIn(state({ route: [QUOTA, TOKENS] }))).toEqual([
      `${ROUTE}: genesys-gateway-unbuffered with quota, token_manager`,
    ]);
  });

  it('have a log without answers only where Kong holds none', () => {
    const log = plugin('pii-log-unbuffered');
    expect(combinedIn(state({ route: [log, QUOTA, TOKENS] }))).toEqual([
      `${ROUTE}: genesys-gateway-unbuffered with pii_log, quota, token_manager`,
    ]);
    expect(combinedIn(state({ route: [log, QUOTA, FILTER] }))).toEqual([
      `${ROUTE}: genesys-gateway with quota, response_filter`,
    ]);
    expect(reasonsIn(state({ route: [log, QUOTA, FILTER] }))[0]).toContain(
      'with genesys-response-filter it would log answers',
    );
    expect(combinedIn(state({ route: [log, QUOTA, LOG] }))).toEqual([`${ROUTE}: genesys-gateway with pii_log, quota`]);
  });

  it('are found wherever they are written', () => {
    const at = { route: 'r', consumer: 'c' };
    const config = combineConfig({
      ...state({ global: [plugin('quota', at)] }),
      consumers: [{ username: 'c', plugins: [plugin('token-manager', { route: { name: 'r' } })] }],
    });
    expect(config.plugins).toEqual([]);
    expect(config.consumers[0]?.plugins).toEqual([
      {
        name: 'genesys-gateway-unbuffered',
        route: 'r',
        consumer: 'c',
        config: { quota: QUOTA.config, token_manager: TOKENS.config },
      },
    ]);
  });

  it('keep protocols and tags', () => {
    const more = (tag: string) => ({ protocols: ['https'], tags: ['both', tag] });
    const config = combineConfig(state({ route: [plugin('quota', more('a')), plugin('token-manager', more('b'))] }));
    expect(config.services[0]?.routes[0]?.plugins).toMatchObject([{ protocols: ['https'], tags: ['both', 'a', 'b'] }]);
  });

  it.each([
    [{ enabled: false }, 'it is not enabled'],
    [{ id: '1' }, 'it has id, which belongs to one plugin'],
    [{ config: undefined, _config: 'x' }, 'it has no config of its own'],
    [{ protocols: ['http'] }, 'its protocols are not those of genesys-token-manager'],
  ])('stay separate with %j', (more, reason) => {
    const document = state({ route: [TOKENS, FILTER, plugin('quota', more)] });
    expect(combinedIn(document)).toEqual([`${ROUTE}: genesys-gateway with token_manager, response_filter`]);
    expect(reasonsIn(document)).toEqual([`services[s].routes[r].plugins[genesys-quota]: ${reason}`]);
  });
});

describe('entries at several places', () => {
  it('are combined where each place has parts of its own', () => {
    expect(combinedIn(state({ service: [QUOTA], route: [TOKENS, FILTER] }))).toEqual([
      `${ROUTE}: genesys-gateway with token_manager, response_filter`,
    ]);
  });

  it('stay separate if Kong chooses between them for a request', () => {
    const document = state({ route: [QUOTA, TOKENS, FILTER], consumer: [QUOTA] });
    expect(combinedIn(document)).toEqual([`${ROUTE}: genesys-gateway with token_manager, response_filter`]);
    expect(reasonsIn(document)).toEqual([
      'services[s].routes[r].plugins[genesys-quota]: Kong chooses between services[s].routes[r].plugins[genesys-quota]' +
        ' and consumers[c].plugins[genesys-quota] for the same request',
    ]);
  });

  it('stay separate where a combined entry would replace another one', () => {
    const document = state({ service: [LOG, QUOTA], route: [TOKENS, FILTER] });
    expect(combinedIn(document)).toEqual([`${ROUTE}: genesys-gateway with token_manager, response_filter`]);
    expect(reasonsIn(document)[0]).toContain('a combined entry at another place would replace it for some requests');
  });

  it('stay separate at one of two places whose entries would both run, one within the other', () => {
    const document = state({ service: [LOG, FILTER], route: [QUOTA, TOKENS] });
    expect(combinedIn(document)).toEqual([`${ROUTE}: genesys-gateway-unbuffered with quota, token_manager`]);
    expect(reasonsIn(document)[0]).toContain('is for the same request, and is combined too');
  });

  it('are combined on one route although another route has them elsewhere', () => {
    const document = {
      services: [
        { name: 'a', routes: [{ name: 'ra', plugins: [QUOTA, TOKENS] }] },
        { name: 'b', plugins: [QUOTA], routes: [{ name: 'rb', plugins: [QUOTA, TOKENS] }] },
      ],
    };
    expect(combinedIn(document)).toEqual(['services.0.routes.0: genesys-gateway-unbuffered with quota, token_manager']);
  });

  it('are the same place, by name or by id', () => {
    const document = {
      services: [{ name: 's', id: 'i', routes: [{ name: 'r' }] }],
      plugins: [plugin('quota', { service: 'i' }), plugin('token-manager', { service: { name: 's' } })],
    };
    expect(combinedIn(document)).toHaveLength(1);
  });
});

describe('what runs between them', () => {
  it('keeps the parts after it separate', () => {
    const document = state({ route: [TOKENS, FILTER, QUOTA, { name: 'request-transformer' }] });
    expect(combinedIn(document)).toEqual([`${ROUTE}: genesys-gateway-unbuffered with quota, token_manager`]);
    expect(reasonsIn(document)).toEqual([
      'services[s].routes[r].plugins[genesys-response-filter]: request-transformer runs between it and the others',
    ]);
  });

  it('can be genesys-login, or a part that is separate itself', () => {
    expect(combinedIn(state({ route: [LOG, QUOTA, TOKENS, LOGIN] }))).toEqual([
      `${ROUTE}: genesys-gateway with pii_log, quota`,
    ]);
    // The quota of the consumer runs after the audit log, and before what would be combined with it.
    expect(combinedIn(state({ route: [LOG, QUOTA, TOKENS, FILTER], consumer: [QUOTA] }))).toEqual([
      `${ROUTE}: genesys-gateway with token_manager, response_filter`,
    ]);
  });

  it('can be an entry that was combined by hand', () => {
    expect(combinedIn(state({ service: [plugin('gateway')], route: [QUOTA, TOKENS] }))).toEqual([]);
  });
});

it('changes nothing where there is nothing to combine, and nothing twice', () => {
  const document = state({ route: [QUOTA, TOKENS] });
  expect(combineConfig(combineConfig(document))).toEqual(combineConfig(document));
  expect(combineConfig(state({ route: [QUOTA], service: [TOKENS] }))).toEqual(
    state({ route: [QUOTA], service: [TOKENS] }),
  );
});
