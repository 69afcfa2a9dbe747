/**
 * The regions that this process knows of, with their states. Instances come and go with configurations and nginx workers,
 * so states belong to the regions themselves: all configurations with the same regions, credentials and policy learn
 * together, the route of the reads from the failures of the writes.
 */
import { LRUCache } from 'lru-cache';
import { createRegionStates, type FailoverPolicy, type RegionStates } from './states.js';

/** More lists of regions than one gateway has; those not configured for longest go first. */
const MAX_GROUPS = 1000;

/** One list of regions, the primary first. */
export interface RegionGroup {
  regions: readonly { name: string; upstream: string }[];
  states: RegionStates;
}

export interface RegionGroups {
  /**
   * The group of these regions.
   * @param identity what they are: no two organisations may share it
   */
  open(regions: RegionGroup['regions'], identity: readonly string[], policy: FailoverPolicy): RegionGroup;
  /** Has the region of this name serve in every group that has it, until the process ends; undefined: by the rules again. */
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
