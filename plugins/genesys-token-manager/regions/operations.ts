/** The operations for regions on the metrics port: which region serves, and which one should. */
import type { Operation } from '../../shared/plugin.js';
import type { RegionGroup, RegionGroups } from './groups.js';

/** Makes the operations. */
export function regionOperations(groups: RegionGroups, nowMs: () => number): Operation[] {
  const answer = () => ({ status: 200, body: { groups: groups.all().map((group) => describe(group, nowMs())) } });
  return [
    { method: 'GET', path: '/regions', run: answer },
    {
      method: 'POST',
      path: '/regions/use',
      run(query) {
        const name = query.get('name');
        if (name === null) return { status: 400, body: { message: 'name is missing' } };
        const isKnown = groups.all().some(({ regions }) => regions.some((region) => region.name === name));
        if (!isKnown) return { status: 404, body: { message: 'no such region' } };
        groups.force(name);
        return answer();
      },
    },
    {
      method: 'POST',
      path: '/regions/auto',
      run() {
        groups.force(undefined);
        return answer();
      },
    },
  ];
}

function describe({ regions, states }: RegionGroup, nowMs: number): unknown {
  const described = states.describe(nowMs);
  return {
    forced: states.forced === undefined ? null : regions[states.forced]?.name,
    regions: regions.map(({ name, upstream }, index) => {
      const { isUp = true, failuresInARow = 0, lost, served = 0 } = described[index] ?? {};
      return {
        name,
        upstream,
        state: isUp ? 'up' : 'lost',
        failures_in_a_row: failuresInARow,
        served,
        ...(lost && {
          lost_for_seconds: seconds(lost.agoMs),
          probe_in_seconds: seconds(lost.probeInMs),
          good_probes: lost.goodProbes,
        }),
      };
    }),
  };
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
