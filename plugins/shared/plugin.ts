/**
 * The contract between a plugin and the process that runs it: that of kong-js-pdk, so that a plugin's module also starts
 * under kong-pdk's own `kong-js-pluginserver`. A plugin's index.ts exports exactly these names.
 */
import type { Host } from './host.js';
import type { Fields } from './kong-schema/field.js';
import type { Kong } from './pdk.js';

/** The phases that our plugin server runs. Kong knows more; none of them can fail closed in an external plugin. */
export type Phase = 'access' | 'response' | 'log';

/** One configuration of a plugin, alive in the plugin server. Handlers are methods of its class. */
export interface PluginInstance {
  access?(kong: Kong): Promise<void>;
  response?(kong: Kong): Promise<void>;
  log?(kong: Kong): Promise<void>;
}

/** Something that an operator may ask of the running process, on its metrics port. */
export interface Operation {
  /** POST for what changes something. */
  method: 'GET' | 'POST';
  /** Such as `/tokens`. */
  path: string;
  run(query: URLSearchParams): OperationAnswer | Promise<OperationAnswer>;
}

/** An HTTP status, and a body that is sent as JSON; never a secret in it. */
export interface OperationAnswer {
  status: number;
  body: unknown;
}

/** A value of a metric family, under its labels. */
export interface MetricSample {
  labels: Record<string, string>;
  value: number;
}

/** Something that a plugin tells of itself to a monitoring system, in Prometheus' terms. */
export interface MetricFamily {
  /** In Prometheus' style: a prefix, the unit, `_total` for a counter. */
  name: string;
  help: string;
  type: 'counter' | 'gauge';
  /** Names of the labels; never one whose values a client can choose. */
  labels: readonly string[];
  /** The values of now; of a counter, all that was ever counted. */
  read(): Iterable<MetricSample>;
}

/**
 * A plugin's class. The constructor gets the configuration as Kong resolved it, unparsed, and throws to refuse it; `host`
 * is left out by kong-pdk's server. Kong runs the phases for which the prototype has a method.
 */
export interface PluginClass {
  new (config: unknown, host?: Host): PluginInstance;
  prototype: PluginInstance;
}

/**
 * Flags of the command line that ask for a plugin without one of its phases: without-bodies has no response phase, for
 * routes that must not be buffered; without-log no log phase, since Kong prepares a whole log entry for it.
 */
export const VARIANTS = ['without-bodies', 'without-log'] as const;

/** A plugin's state, as the process sees it. */
export interface RunningPlugin {
  operations?: readonly Operation[];
  metrics?: readonly MetricFamily[];
  /**
   * Writes what waits, as the process is about to end; it is waited for, within the deadline. Called when a signal has come
   * and after the last event, one call after the other.
   * @param hurry aborted with the first signal: Kong kills a process within 0.1 s of it (measured, 3.9.3)
   */
  shutdown?(hurry: AbortSignal): Promise<void>;
}

/** What a plugin's index.ts exports. */
export interface PluginModule extends RunningPlugin {
  Plugin: PluginClass;
  /** Instead of `Plugin`, by the flag that asks for it. */
  variants?: Partial<Record<(typeof VARIANTS)[number], PluginClass>>;
  /** The fields of `config`. */
  Schema: Fields;
  /** Fields beside `config`, such as `protocols`. */
  PluginSchema?: Fields | undefined;
  /** Rules over several fields of `config` (Kong: `entity_checks`). */
  EntityChecks?: readonly Record<string, unknown>[] | undefined;
  /** Checks a configuration without starting anything. @throws ConfigError */
  readConfig?(config: unknown, host: Host): unknown;
  /** Starts the plugin's state, once a process; a second call answers the same. Without it the first instance does. */
  start?(): RunningPlugin;
  Version: string;
  Priority: number;
  Name: string;
}
