/** The metrics: sums and gauges under labels that no client chooses, and never a token. */
import { expect, it } from 'vitest';
import { readClient } from '../../test/support/token-manager-config.js';
import { realEffects } from './effects.js';
import { createMetrics } from './metrics.js';
import { createRegionGroups } from './regions/groups.js';
import { createTokenBroker } from './tokens/broker.js';

const NOW_MS = 1_000_000;

function make() {
  const regions = createRegionGroups();
  const broker = createTokenBroker({
    ...realEffects,
    nowMs: () => NOW_MS,
    loadFetch: async () =>
      (async () =>
        new Response(JSON.stringify({ access_token: 'the-token', token_type: 'bearer', expires_in: 3600 }))) as never,
  });
  const metrics = createMetrics(
    () => broker,
    regions,
    () => NOW_MS,
  );
  const samples = (name: string) => [
    ...(metrics.families.find((family) => family.name === name)?.read() ?? expect.fail(name)),
  ];
  return { ...metrics, regions, broker, samples };
}

it('counts uses of tokens by where they came from, each from the beginning', () => {
  const { countTokenUse, samples } = make();
  const ofSources = (memory: number, redis: number, request: number) => [
    { labels: { source: 'memory' }, value: memory },
    { labels: { source: 'redis' }, value: redis },
    { labels: { source: 'request' }, value: request },
  ];
  expect(samples('genesys_token_uses_total')).toEqual(ofSources(0, 0, 0));
  for (const source of ['request', 'memory', 'memory', 'redis', 'memory'] as const) countTokenUse(source);
  expect(samples('genesys_token_uses_total')).toEqual(ofSources(3, 1, 1));
});

it('counts requests to login by their result', () => {
  const { countTokenRequest, samples } = make();
  for (const result of ['granted', 'failed', 'granted'] as const) countTokenRequest(result);
  expect(samples('genesys_token_requests_total')).toEqual([
    { labels: { result: 'granted' }, value: 2 },
    { labels: { result: 'failed' }, value: 1 },
  ]);
});

it('tells of tokens and regions, by labels that stand in every sample, and of no secret', async () => {
  const { broker, regions, families, samples } = make();
  const { client, policy } = readClient({ client_id: 'id', client_secret: 'the-secret' });
  await broker.get(client, policy);
  const named = ['eu', 'us'].map((name) => ({ name, upstream: name }));
  const { states } = regions.open(named, [], { failures: 1, windowMs: 1000, probeAfterMs: 1000 });
  states.sent(states.primary());
  states.report(states.primary(), 'failed', NOW_MS);
  expect(samples('genesys_token_expires_in_seconds')).toEqual([
    { labels: { client_id: 'id', slot: '0' }, value: 3595 },
  ]);
  expect(samples('genesys_region_up').map(({ value }) => value)).toEqual([0, 1]);
  expect(samples('genesys_region_served_total').map(({ value }) => value)).toEqual([1, 0]);
  for (const { labels, read } of families) {
    for (const sample of read()) {
      expect(Object.keys(sample.labels)).toEqual(labels);
      expect(JSON.stringify(sample)).not.toMatch(/the-token|the-secret/);
    }
  }
});

it('tells of the token in use, not of the one that a former secret got', async () => {
  const { broker, samples } = make();
  const { client: former, policy } = readClient({ client_id: 'id', client_secret: 'former' });
  const { client } = readClient({ client_id: 'id', client_secret: 'new' });
  await broker.get(former, policy);
  for (let use = 0; use < 5; use += 1) broker.peek(former)?.allowance.use(NOW_MS);
  await broker.get(client, policy);
  broker.peek(client)?.allowance.use(NOW_MS);
  expect(samples('genesys_token_uses_in_window')).toEqual([{ labels: { client_id: 'id', slot: '0' }, value: 1 }]);
});

it('tells of a region as the newest configuration has it, also after one that lost it', () => {
  const { regions, samples } = make();
  const named = [{ name: 'eu', upstream: 'eu' }];
  const { states } = regions.open(named, [], { failures: 1, windowMs: 1000, probeAfterMs: 1000 });
  states.report(states.primary(), 'failed', NOW_MS);
  regions.open(named, [], { failures: 2, windowMs: 1000, probeAfterMs: 1000 });
  expect(samples('genesys_region_up')).toEqual([{ labels: { region: 'eu' }, value: 1 }]);
});
