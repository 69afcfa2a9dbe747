/** The plugin's metrics. They never contain a token or a secret. */
import { counterBy, first, merged, sum } from '../shared/metric-family.js';
import type { MetricFamily, MetricSample } from '../shared/plugin.js';
import type { TokenRequestResult, TokenSource } from './effects.js';
import type { RegionGroups } from './regions/groups.js';
import type { TokenBroker, TokenState } from './tokens/broker.js';

export interface Metrics {
  families: MetricFamily[];
  countTokenRequest(result: TokenRequestResult): void;
  countTokenUse(source: TokenSource): void;
}

/** Makes the metrics of a process. */
export function createMetrics(broker: () => TokenBroker, regions: RegionGroups, nowMs: () => number): Metrics {
  const requests = new Map<TokenRequestResult, number>();
  const uses: Record<TokenSource, number> = { memory: 0, redis: 0, request: 0 };

  /** Makes a gauge with a value for each token. The broker lists the most recently used tokens first. */
  const ofTokens = (name: string, help: string, read: (state: TokenState) => number | undefined): MetricFamily => ({
    name,
    help,
    type: 'gauge',
    labels: ['client_id', 'slot'],
    read: () => merged(samplesOfTokens(read), first),
  });

  function* samplesOfTokens(read: (state: TokenState) => number | undefined): Iterable<MetricSample> {
    for (const state of broker().states()) {
      const value = read(state);
      const { clientId, slot } = state.client;
      if (value !== undefined) yield { labels: { client_id: clientId, slot: String(slot) }, value };
    }
  }

  const ofRegions = (
    family: Omit<MetricFamily, 'labels' | 'read'>,
    read: (state: { isUp: boolean; served: number }) => number,
  ): MetricFamily => ({
    ...family,
    labels: ['region'],
    // The most recently configured groups come first. A region that an older group has lost is not lost for them.
    read: () => merged(samplesOfRegions(read), family.type === 'gauge' ? first : sum),
  });

  function* samplesOfRegions(read: (state: { isUp: boolean; served: number }) => number): Iterable<MetricSample> {
    for (const { regions: named, states } of regions.all()) {
      const described = states.describe(nowMs());
      for (const [index, { name }] of named.entries()) {
        const state = described[index];
        if (state !== undefined) yield { labels: { region: name }, value: read(state) };
      }
    }
  }

  return {
    countTokenRequest: (result) => requests.set(result, (requests.get(result) ?? 0) + 1),
    countTokenUse(source) {
      uses[source] += 1;
    },
    families: [
      counterBy(
        'result',
        'genesys_token_requests_total',
        'Requests to login by result: granted, refused (repeating cannot mend it), failed.',
        () => requests,
      ),
      counterBy(
        'source',
        'genesys_token_uses_total',
        'Requests that got a token, by where it came from: memory, redis (another node had asked login), request (to login).',
        () => Object.entries(uses),
      ),
      ofTokens(
        'genesys_token_expires_in_seconds',
        'Until the token that is held expires; 0 if none is held.',
        (state) => (state.held === undefined ? 0 : Math.max(0, state.held.expiresInMs / 1000)),
      ),
      ofTokens(
        'genesys_token_uses_in_window',
        'Requests of the token in its minute, of the 300 that Genesys allows.',
        (state) => state.held?.recentUses,
      ),
      ofRegions(
        { name: 'genesys_region_up', help: '1 if requests may go to the region, 0 while it is lost.', type: 'gauge' },
        ({ isUp }) => (isUp ? 1 : 0),
      ),
      ofRegions(
        { name: 'genesys_region_served_total', help: 'Requests that were sent to the region.', type: 'counter' },
        ({ served }) => served,
      ),
    ],
  };
}
