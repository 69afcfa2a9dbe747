/**
 * The groups of regions in this process, with their states. Instances come and go with configurations and nginx
 * workers, so a state belongs to its regions. All configurations with the same regions, credentials and policy share
 * it: a route for reads learns from the failures of the route for writes.
 */
import { LRUCache } from 'lru-cache';
import { createRegionStates, type FailoverPolicy, type RegionStates } from './states.js';

/** More groups than a gateway has. The least recently configured ones are dropped. */
const MAX_GROUPS = 1000;

/** One list of regions, the primary first. */
export interface RegionGroup {
  regions: readonly { name: string; upstream: string }[];
  states: RegionStates;
}

export interface RegionGroups {
  /**
   * Returns the group of these regions.
   * @param identity what identifies them; two organisations must never have the same
   */
  open(regions: RegionGroup['regions'], identity: readonly string[], policy: FailoverPolicy): RegionGroup;
  /** Forces the named region in all groups that have it, until the process ends; undefined ends that. */
  force(name: string | undefined): void;
  all(): RegionGroup[];
}

/** Makes the groups of a process. */
export function createRegionGroups(): RegionGroups {
  const groups = new LRUCache<string, RegionGroup>({ max: MAX_GROUPS });
  let forced: string | undefined;

  const apply = ({ regions, states }: RegionGroup): void => {
    const index = regions.findIndex(({ name }) => name === forced);
    states.force(index === -1 ? undefined : index);
  };

  return {
    open(regions, identity, policy) {
      const key = JSON.stringify([regions.map(({ name, upstream }) => [name, upstream]), identity, policy]);
      let group = groups.get(key);
      if (group === undefined) {
        group = { regions, states: createRegionStates(regions.length, policy) };
        apply(group);
        groups.set(key, group);
      }
      return group;
    },
    force(name) {
      forced = name;
      for (const group of groups.values()) apply(group);
    },
    all: () => [...groups.values()],
  };
}
