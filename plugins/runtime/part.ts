/**
 * A part: one capability of the suite, such as tokens or the audit log, without the plugin and process that run it. Its
 * definition is pure, so that check-config, docs and tests can import it. Its state begins with `start`.
 */
import type { Host } from '../shared/host.js';
import type { Fields } from '../shared/kong-schema/field.js';
import type { Phase, RunningPlugin } from '../shared/plugin.js';
import type { Services } from '../shared/services.js';
import type { Step } from './step.js';

/** The steps of one configuration, by phase. Several decide in the order of the list. */
export type Steps = Partial<Record<Phase, Step | readonly Step[]>>;

/** A part with its state, which lives as long as the process. Instances come and go with configurations and workers. */
export interface RunningPart<Config> extends RunningPlugin {
  /** Makes the steps of one configuration. @throws ConfigError for what only the state can refuse */
  stepsOf(config: Config): Steps;
}

/** A phase that a command-line flag leaves out, and the fields that need it. */
export interface OptionalPhase<Config> {
  phase: Phase;
  /** What the phase does for a field, as a predicate: `learns from answers`. */
  why: string | ((field: string) => string);
  /** Returns a field that has no effect without the phase, such as `circuit_breaker`, and so is refused then. */
  neededBy(config: Config): string | undefined;
}

export interface Part<Config> {
  /** The fields of the part's configuration. */
  fields: Fields;
  /** Rules over several fields (Kong's `entity_checks`). */
  entityChecks?: readonly Record<string, unknown>[];
  /** The phases in which the part has steps. */
  phases: readonly Phase[];
  /** Phases that a flag can leave out: `without-log`, `without-bodies`. */
  optionalPhases?: Readonly<Record<string, OptionalPhase<Config>>>;
  /**
   * Parses and checks a configuration, as Kong sends it. Pure, except for reading files that `host` allows.
   * @throws ConfigError that names the field and contains no secret
   */
  readConfig(config: unknown, host: Host): Config;
  /** Starts the part's state, once per process: a later call returns the same state. */
  start(services: Services): RunningPart<Config>;
}

/**
 * Makes a part whose state starts once, whichever plugin asks for it first. So genesys-quota and genesys-gateway in one
 * process have the same counters.
 */
export function definePart<Config>(part: Part<Config>): Part<Config> {
  let running: RunningPart<Config> | undefined;
  return {
    ...part,
    start(services) {
      running ??= part.start(services);
      return running;
    },
  };
}
