/**
 * A part: one capability of the suite, such as tokens or the audit log, apart from the plugin and the process that run it.
 * Its definition is pure, so that check-config, docs and tests import it; state begins with `start`.
 */
import type { Host } from '../shared/host.js';
import type { Fields } from '../shared/kong-schema/field.js';
import type { Phase, RunningPlugin } from '../shared/plugin.js';
import type { Services } from './services.js';
import type { Step } from './step.js';

/** The steps of one configuration, by phase. */
export type Steps = Partial<Record<Phase, Step>>;

/** A part that holds state, as long as the process lives. Instances come and go with configurations and nginx workers. */
export interface RunningPart<Config> extends RunningPlugin {
  /** Makes the steps of one configuration. @throws ConfigError for what only the state can refuse */
  stepsOf(config: Config): Steps;
}

/** A phase that a command-line flag leaves out, and what needs it. */
export interface OptionalPhase<Config> {
  phase: Phase;
  /** What the phase is for, as the predicate of a field: `learns from answers`. */
  why: string;
  /** Names a field of a configuration that does nothing without the phase, such as `circuit_breaker`; it is refused then. */
  neededBy(config: Config): string | undefined;
}

export interface Part<Config> {
  /** The fields of its configuration. */
  fields: Fields;
  /** Rules over several of these fields (Kong: `entity_checks`). */
  entityChecks?: readonly Record<string, unknown>[];
  /** The phases in which it has steps. */
  phases: readonly Phase[];
  /** Phases that can be left out, by flag: `without-log`, `without-bodies`. */
  optionalPhases?: Readonly<Record<string, OptionalPhase<Config>>>;
  /**
   * Parses and checks a configuration, as Kong sends it. Pure, but for files that `host` allows to be read.
   * @throws ConfigError that names the field and holds no secret
   */
  readConfig(config: unknown, host: Host): Config;
  /** Starts the part's state: once a process. */
  start(services: Services): RunningPart<Config>;
}
