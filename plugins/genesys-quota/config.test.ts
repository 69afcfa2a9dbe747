/** What the plugin refuses beyond Kong's schema, with the path of the field, and what it makes of a configuration. */
import { describe, expect, it } from 'vitest';
import { BARE_HOST } from '../shared/host.js';
import { readConfig } from './config.js';

const limit = (changes: Record<string, unknown> = {}) => ({ name: 'a', limit: 10, ...changes });
const read = (raw: unknown) => readConfig(raw, BARE_HOST);

describe('readConfig', () => {
  it('has the documented defaults', () => {
    const config = read({ limits: [limit()], __plugin_id: 'p1', redis: null, spike_arrest: null });
    expect(config).toMatchObject({
      maxWaitMs: 0,
      maxIdentities: 100_000,
      redis: undefined,
      onRedisError: 'local',
      followUpstream: true,
      hideHeaders: false,
      spike: undefined,
    });
    expect(config.limits[0]).toMatchObject({
      algorithm: 'sliding',
      windowMs: 60_000,
      identity: { by: 'consumer' },
      methods: undefined,
      paths: undefined,
      cost: 1,
      costByQuery: undefined,
    });
  });

  it('has counters of its own, or of the namespace that is named', () => {
    const own = (id: string) => read({ __plugin_id: id }).namespace;
    expect(own('p1')).not.toBe(own('p2'));
    expect(read({ __plugin_id: 'p1', namespace: 'org' }).namespace).toBe('org');
  });

  it('tells counters apart that do not count the same', () => {
    const group = (changes: Record<string, unknown>) => read({ limits: [limit(changes)] }).limits[0]?.group;
    const groups = [
      group({}),
      group({ window: 'hour' }),
      group({ by: 'ip' }),
      group({ by: 'header', by_name: 'X-Tenant' }),
      group({ by: 'query', by_name: 'X-Tenant' }),
      group({ name: 'b' }),
      group({ window: 'week' }),
      group({ window: 'month' }),
      group({ window: 'month', starts_on: 15 }),
    ];
    expect(new Set(groups).size).toBe(groups.length);
    // Those that do keep them when the limit changes.
    expect(group({ limit: 20, cost: 2, window_seconds: 60, algorithm: 'fixed' })).toBe(group({}));
    expect(group({ by: 'header', by_name: 'x-tenant' })).toBe(groups[3]);
    expect(group({ window: 'month', starts_on: 1, algorithm: 'fixed' })).toBe(group({ window: 'month' }));
    // As they were before there were months: counters in Redis outlive a version.
    expect(groups.slice(0, 4)).toEqual([
      'a:60000:consumer',
      'a:3600000:consumer',
      'a:60000:ip',
      'a:60000:header:x-tenant',
    ]);
  });

  it.each([
    ['10ps', 100_000],
    ['300pm', 200_000],
    ['7ps', 142_858],
    ['1pm', 60_000_000],
  ])('reads a rate of %s as one every %i µs', (rate, emissionUs) => {
    expect(read({ spike_arrest: { rate } }).spike?.emissionUs).toBe(emissionUs);
  });

  it.each<[string, unknown, string]>([
    ['a limit of 0', { limits: [limit({ limit: 0 })] }, 'config.limits[0].limit must be between 1 and 1000000000'],
    ['no limit', { limits: [{ name: 'a' }] }, 'config.limits[0].limit is required'],
    ['no name', { limits: [{ limit: 1 }] }, 'config.limits[0].name is required'],
    [
      'a name twice',
      { limits: [limit(), limit({ name: 'b' }), limit()] },
      'config.limits[2].name is the name of another limit too',
    ],
    [
      'a name twice, for everyone each time',
      { limits: [limit({ for: { tags: ['t'] } }), limit(), limit()] },
      'config.limits[2].name is the name of another limit too',
    ],
    [
      'a limit of all that some would no longer count in',
      { limits: [limit({ by: 'global' }), limit({ for: { consumers: ['c'] } })] },
      'config.limits[0].by must not be global if another limit has the name',
    ],
    [
      'a limit of all in the place of another one',
      { limits: [limit(), limit({ by: 'global', for: { consumers: ['c'] } })] },
      'config.limits[1].by must not be global if another limit has the name',
    ],
    ['a priority of nobody', { priority: [{ level: 'high' }] }, 'config.priority[0]'],
    [
      'a level that is none',
      { priority: [{ tags: ['t'], level: 'urgent' }] },
      'config.priority[0].level must be one of',
    ],
    [
      'more reserved than there is',
      { limits: [limit({ by: 'global', reserved: [60, 41].map((share) => ({ tags: ['t'], share })) })] },
      'config.limits[0].reserved must not be more than 100 percent',
    ],
    [
      'a share of each budget that one consumer has alone',
      { limits: [limit({ reserved: [{ tags: ['t'], share: 10 }] })] },
      'config.limits[0].reserved means nothing if each consumer has its own budget',
    ],
    [
      'a share of budgets that are divided by consumer',
      { limits: [limit({ by: 'global', and_by: ['consumer'], reserved: [{ tags: ['t'], share: 10 }] })] },
      'config.limits[0].reserved means nothing if each consumer has its own budget',
    ],
    [
      'a share that is nothing',
      {
        limits: [
          limit({
            by: 'global',
            reserved: [
              { tags: ['t'], share: 10 },
              { consumers: ['c'], share: 9 },
            ],
          }),
        ],
      },
      'config.limits[0].reserved[1].share is nothing of a limit of 10',
    ],
    [
      'a share of nobody',
      { limits: [limit({ by: 'global', reserved: [{ share: 10 }] })] },
      'config.limits[0].reserved[0]',
    ],
    [
      'requests in flight under the name of a limit',
      { limits: [limit()], concurrent: [limit()] },
      'config.concurrent[0].name is the name of a limit too',
    ],
    [
      'requests in flight under a name twice',
      { concurrent: [limit(), limit()] },
      'config.concurrent[1].name is the name of another limit too',
    ],
    ['no requests in flight', { concurrent: [limit({ limit: 0 })] }, 'config.concurrent[0].limit must be between'],
    ['a limit for nobody', { limits: [limit({ for: {} })] }, 'config.limits[0].for'],
    ['a name with a space', { limits: [limit({ name: 'a b' })] }, 'config.limits[0].name may hold letters'],
    ["the spike arrest's name", { limits: [limit({ name: 'spike' })] }, 'config.limits[0].name must not be spike'],
    ['a window of 0', { limits: [limit({ window_seconds: 0 })] }, 'config.limits[0].window_seconds must be between'],
    ['an unknown window', { limits: [limit({ window: 'year' })] }, 'config.limits[0].window must be one of'],
    [
      'a budget divided by what it is of',
      { limits: [limit({ and_by: ['path', 'consumer'] })] },
      'config.limits[0].and_by must not hold consumer, which by is already',
    ],
    ['a warning at once', { limits: [limit({ warn_at: 0 })] }, 'config.limits[0].warn_at must be between 1 and 100'],
    [
      'a day that a minute begins on',
      { limits: [limit({ starts_on: 1 })] },
      'config.limits[0].starts_on means nothing but for a week or a month',
    ],
    [
      'a day that few months have',
      { limits: [limit({ window: 'month', starts_on: 29 })] },
      'config.limits[0].starts_on must be between 1 and 28',
    ],
    [
      'an eighth day of the week',
      { limits: [limit({ window: 'week', starts_on: 8 })] },
      'config.limits[0].starts_on must be 1 to 7 if window is week',
    ],
    [
      'a month that slides',
      { limits: [limit({ window: 'month', algorithm: 'sliding' })] },
      'config.limits[0].algorithm must be fixed if window is month',
    ],
    [
      'two windows',
      { limits: [limit({ window: 'hour', window_seconds: 5 })] },
      'config.limits[0].window_seconds cannot stand beside window',
    ],
    ['a header without name', { limits: [limit({ by: 'header' })] }, 'config.limits[0].by_name is required'],
    ['a name of nothing', { limits: [limit({ by: 'ip', by_name: 'x' })] }, 'config.limits[0].by_name means nothing'],
    [
      'a name that is half a character',
      { limits: [limit({ by: 'query', by_name: 'x\ud800' })] },
      'config.limits[0].by_name must be valid Unicode',
    ],
    [
      'a spike by a header that is half a character',
      { spike_arrest: { rate: '1ps', by: 'header', by_name: '\udc00' } },
      'config.spike_arrest.by_name must be valid Unicode',
    ],
    ['a cost over the limit', { limits: [limit({ cost: 11 })] }, 'config.limits[0].cost must not be over the limit'],
    ['a bad path', { limits: [limit({ paths: ['/a', '/b*'] })] }, 'config.limits[0].paths[1] may hold'],
    ['10px', { spike_arrest: { rate: '10px' } }, 'config.spike_arrest.rate must be a number and ps or pm'],
    ['0ps', { spike_arrest: { rate: '0ps' } }, 'config.spike_arrest.rate must be a number and ps or pm'],
    ['a spike by query without name', { spike_arrest: { rate: '1ps', by: 'query' } }, 'config.spike_arrest.by_name'],
    ['no redis', { policy: 'redis' }, 'config.redis is required'],
    ['a key prefix with a brace', { redis: { key_prefix: 'a {b} c' } }, 'config.redis.key_prefix must match the Lua'],
    ['a method in small letters', { limits: [limit({ methods: ['get'] })] }, 'config.limits[0].methods[0] must match'],
    ['a namespace with a brace', { namespace: 'a}b' }, 'config.namespace may hold letters'],
  ])('refuses %s', (_, raw, message) => {
    expect(() => read(raw)).toThrow(message);
  });
});
