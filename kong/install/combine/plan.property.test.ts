/** Whatever is combined: each request passes the same parts with the same settings, in the same order. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { combineConfig } from './apply.js';

interface Written {
  name: string;
  config: Record<string, unknown>;
  enabled?: boolean;
  service?: string;
  route?: string;
  consumer?: string;
}

const PRIORITIES: Readonly<Record<string, number>> = {
  'genesys-pii-log': 905,
  'genesys-pii-log-unbuffered': 905,
  'response-ratelimiting': 900,
  'genesys-quota': 890,
  'genesys-gateway': 880,
  'genesys-gateway-unbuffered': 880,
  'genesys-login': 860,
  'genesys-token-manager': 850,
  'request-transformer': 801,
  'genesys-response-filter': 790,
};
/** Kong's lookups, in its order (kong/runloop/plugins_iterator.lua of 3.9.3). */
const LOOKUPS = [
  ['route', 'service', 'consumer'],
  ['route', 'consumer'],
  ['service', 'consumer'],
  ['route', 'service'],
  ['consumer'],
  ['route'],
  ['service'],
  [],
] as const;
const ROUTES = [
  { route: 'r1', service: 's1' },
  { route: 'r2', service: 's1' },
  { route: 'r3', service: 's2' },
];
const SCOPES = ['service', 'route', 'consumer'] as const;

/** What a request passes, in order: parts of a combined entry one by one. */
function passed(plugins: readonly Written[], request: Partial<Record<(typeof SCOPES)[number], string>>): string[] {
  const names = Object.keys(PRIORITIES).filter((name) => plugins.some((one) => one.name === name));
  const running = names.flatMap((name) => {
    for (const lookup of LOOKUPS) {
      const found = plugins.find(
        (one) =>
          one.name === name &&
          one.enabled !== false &&
          SCOPES.every((field) =>
            lookup.some((each) => each === field)
              ? one[field] !== undefined && one[field] === request[field]
              : one[field] === undefined,
          ),
      );
      if (found !== undefined) return [found];
    }
    return [];
  });
  const parts = running
    .sort((a, b) => Number(PRIORITIES[b.name]) - Number(PRIORITIES[a.name]))
    .flatMap(({ name, config }) =>
      name.startsWith('genesys-gateway')
        ? Object.entries(config).map(([record, own]) => `${partOf(name, record)} ${JSON.stringify(own)}`)
        : [`${name} ${JSON.stringify(config)}`],
    );
  // Two logs that follow one another do not see one another.
  const isLog = (part: string | undefined): boolean => part?.startsWith('genesys-pii-log') ?? false;
  const [first, second] = parts;
  return isLog(first) && isLog(second) ? [...[first ?? '', second ?? ''].sort(), ...parts.slice(2)] : parts;
}

/** A log of a combined entry without a response phase is the one that logs no answers. */
function partOf(name: string, record: string): string {
  const isUnbuffered = record === 'pii_log' && name === 'genesys-gateway-unbuffered';
  return `genesys-${record.replace('_', '-')}${isUnbuffered ? '-unbuffered' : ''}`;
}

type Scope = Partial<Record<(typeof SCOPES)[number], string>>;

const anywhere: fc.Arbitrary<Scope> = fc.record(
  {
    service: fc.constantFrom('s1', 's2'),
    route: fc.constantFrom('r1', 'r2', 'r3'),
    consumer: fc.constantFrom('c1', 'c2'),
  },
  { requiredKeys: [] },
);
const often = fc.constantFrom<Scope[]>({ route: 'r1' }, { route: 'r2' }, { service: 's2' });

const names = Object.keys(PRIORITIES).filter((name) => !name.startsWith('genesys-gateway'));
const configurations = fc
  .uniqueArray(
    fc.record({
      name: fc.constantFrom(...names),
      scope: fc.oneof({ arbitrary: anywhere, weight: 1 }, { arbitrary: often, weight: 4 }),
      off: fc.nat(9),
    }),
    {
      minLength: 2,
      maxLength: 14,
      selector: ({ name, scope: at }) => `${name} ${at.service} ${at.route} ${at.consumer}`,
    },
  )
  .map((entries) => ({
    services: ['s1', 's2'].map((name) => ({
      name,
      routes: ROUTES.filter(({ service }) => service === name).map(({ route }) => ({ name: route })),
    })),
    plugins: entries.map(
      ({ name, scope: at, off }, index): Written => ({
        name,
        ...at,
        config: { number: index },
        ...(off === 0 && { enabled: false }),
      }),
    ),
  }));

it('changes nothing for any request', () => {
  let combined = 0;
  fc.assert(
    fc.property(configurations, (config) => {
      const after = combineConfig(config);
      if (after.plugins.length < config.plugins.length) combined += 1;
      for (const route of [...ROUTES, {}]) {
        for (const consumer of [{}, { consumer: 'c1' }, { consumer: 'c2' }]) {
          const request = { ...route, ...consumer };
          expect(passed(after.plugins, request), JSON.stringify(request)).toEqual(passed(config.plugins, request));
        }
      }
    }),
    { numRuns: 1000 },
  );
  expect(combined).toBeGreaterThan(50);
});
