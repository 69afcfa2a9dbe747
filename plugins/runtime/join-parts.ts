/**
 * Joins several parts into one: a plugin with one event a phase for all of them. Each part has a record of its own in
 * the configuration, with the schema of the part alone, and is off without it.
 */
import type { Host } from '../shared/host.js';
import { ConfigError } from '../shared/kong-schema/config-error.js';
import type { Field } from '../shared/kong-schema/field.js';
import { isPlainObject } from '../shared/plain-object.js';
import type { Phase, RunningPlugin } from '../shared/plugin.js';
import type { Services } from '../shared/services.js';
import type { OptionalPhase, Part, Steps } from './part.js';
import type { Step } from './step.js';

/** A part as a member of a joined one. Its type of configuration is known only in here. */
export interface Member {
  /** The name of its record, such as `token_manager`. */
  name: string;
  field: Field;
  phases: readonly Phase[];
  flags: readonly string[];
  start(services: Services): RunningPlugin;
  read(config: unknown, host: Host): MemberConfig;
}

/** A member's configuration, parsed. */
interface MemberConfig {
  name: string;
  stepsOf(services: Services): Steps;
  /** Returns what does not work without the phase that a flag leaves out, as a path below the member. */
  neededBy(flag: string): string | undefined;
}

/** Makes a member of a joined part. @param description of the record, for Kong's schema */
export function member<Config>(name: string, part: Part<Config>, description: string): Member {
  const checks = part.entityChecks === undefined ? {} : { entity_checks: part.entityChecks };
  return {
    name,
    field: { type: 'record', required: false, fields: part.fields, ...checks, description },
    phases: part.phases,
    flags: Object.keys(part.optionalPhases ?? {}),
    start: (services) => part.start(services),
    read(raw, host) {
      const config = below(name, () => part.readConfig(raw, host));
      return {
        name,
        stepsOf: (services) => below(name, () => part.start(services).stepsOf(config)),
        neededBy: (flag) => part.optionalPhases?.[flag]?.neededBy(config),
      };
    },
  };
}

/** Adds the member's name to the path of an error. */
function below<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.path === '' ? name : `${name}.${error.path}`, error.problem);
  }
}

/**
 * Joins parts.
 * @param members in the order in which they decide
 * @param flags the phases that can be left out, by flag
 */
export function joinParts(
  members: readonly Member[],
  flags: Readonly<Record<string, Phase>>,
): Part<readonly MemberConfig[]> {
  const names = members.map(({ name }) => name);
  const entries = Object.entries(flags).map(([flag, phase]) => [flag, optional(members, flag, phase)] as const);
  return {
    fields: members.map(({ name, field }) => ({ [name]: field })),
    entityChecks: [{ at_least_one_of: names }],
    phases: [...new Set(members.flatMap(({ phases }) => phases))],
    optionalPhases: Object.fromEntries(entries),
    readConfig(raw, host) {
      if (!isPlainObject(raw)) throw new ConfigError('', 'must be an object');
      // Kong adds keys of its own, such as the ids of the plugin and the service, next to the records.
      const own = Object.fromEntries(Object.entries(raw).filter(([key]) => !names.includes(key)));
      const configs = members.flatMap((one) => {
        const record = raw[one.name];
        if (record === undefined || record === null) return [];
        return one.read(isPlainObject(record) ? { ...own, ...record } : record, host);
      });
      if (configs.length === 0) throw new ConfigError('', `needs at least one of ${names.join(', ')}`);
      return configs;
    },
    start: (services) => ({
      parts: members.map((one) => one.start(services)),
      stepsOf: (configs) => inOrder(configs.map((config) => config.stepsOf(services))),
    }),
  };
}

/** Describes what leaving out a phase means for the members that have it. */
function optional(members: readonly Member[], flag: string, phase: Phase): OptionalPhase<readonly MemberConfig[]> {
  return {
    phase,
    why: `needs the ${phase} phase`,
    neededBy(configs) {
      for (const config of configs) {
        const one = members.find(({ name }) => name === config.name);
        if (one === undefined || !one.phases.includes(phase)) continue;
        const field = config.neededBy(flag);
        if (field !== undefined) return `${one.name}.${field}`;
        if (!one.flags.includes(flag)) return one.name;
      }
      return undefined;
    },
  };
}

function inOrder(all: readonly Steps[]): Steps {
  const of = (phase: Phase): Step[] => all.flatMap((steps) => steps[phase] ?? []);
  return { access: of('access'), response: of('response'), log: of('log') };
}
