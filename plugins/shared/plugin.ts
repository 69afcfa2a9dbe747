/**
 * The contract between a plugin and the process that runs it. It is the contract of kong-js-pdk, so a plugin also runs
 * under kong-pdk's own `kong-js-pluginserver`. A plugin's index.ts exports exactly these names.
 */
import type { Host } from './host.js';
import type { Fields } from './kong-schema/field.js';
import type { Kong } from './pdk.js';
import type { Services } from './services.js';
import type { Timeline } from './timeline.js';

/** The phases that our plugin server runs. Kong has more, but in none of those can an external plugin fail closed. */
export type Phase = 'access' | 'response' | 'log';

/**
 * An instance: one configuration of a plugin in the plugin server. Its handlers are methods of its class. Only our plugin
 * server passes a timeline, and only if it traces.
 */
export interface PluginInstance {
  access?(kong: Kong, timeline?: Timeline): Promise<void>;
  response?(kong: Kong, timeline?: Timeline): Promise<void>;
  log?(kong: Kong, timeline?: Timeline): Promise<void>;
}

/** An operation that an operator can call on the metrics port of the running process. */
export interface Operation {
  /** POST for operations that change something. */
  method: 'GET' | 'POST';
  /** A path such as `/tokens`. */
  path: string;
  /** Whether the page on the port may call it, though it is a POST: it has a body, and changes nothing. */
  isForPage?: true;
  /** @param body of a POST for the page; else empty */
  run(query: URLSearchParams, body?: Buffer): OperationAnswer | Promise<OperationAnswer>;
}

/** An HTTP status, and a body that is sent as JSON. It never contains a secret. */
export interface OperationAnswer {
  status: number;
  body: unknown;
}

/** A value of a metric family, with its labels. */
export interface MetricSample {
  labels: Record<string, string>;
  value: number;
}

/** A metric of a plugin, in Prometheus' terms. */
export interface MetricFamily {
  /** A name in Prometheus' style: a prefix, the unit, `_total` for a counter. */
  name: string;
  help: string;
  type: 'counter' | 'gauge';
  /** The names of the labels. A client must not be able to choose their values. */
  labels: readonly string[];
  /** Returns the current values. A counter returns all that was ever counted. */
  read(): Iterable<MetricSample>;
}

/**
 * A plugin's class. The constructor receives the configuration as Kong resolved it, unparsed, and throws to refuse it.
 * kong-pdk's server does not pass `host`. Kong runs the phases for which the prototype has a method.
 */
export interface PluginClass {
  new (config: unknown, host?: Host): PluginInstance;
  prototype: PluginInstance;
}

/**
 * Command-line flags that run a plugin without one of its phases. `without-bodies` has no response phase, for routes
 * that must not be buffered. `without-log` has no log phase, since Kong prepares a whole log entry for it.
 */
export const VARIANTS = ['without-bodies', 'without-log'] as const;

/** The state of a plugin, as its process uses it. */
export interface RunningPlugin {
  operations?: readonly Operation[];
  metrics?: readonly MetricFamily[];
  /** Brings the values of `metrics` up to date, if another thread counts. Called before they are read. */
  refresh?(): Promise<void>;
  /** The states of its parts, if it has several. Another plugin of the process may have the same ones. */
  parts?: readonly RunningPlugin[];
  /**
   * Writes pending data before the process ends. The process waits for it, within its deadline. It is called after a
   * signal and again after the last event. Calls do not overlap.
   * @param hurry aborted at the first signal, because Kong kills a process within 0.1 s of it (measured, 3.9.3)
   */
  shutdown?(hurry: AbortSignal): Promise<void>;
}

/** What a plugin's index.ts exports. */
export interface PluginModule extends RunningPlugin {
  Plugin: PluginClass;
  /** Classes that replace `Plugin`, by command-line flag. */
  variants?: Partial<Record<(typeof VARIANTS)[number], PluginClass>>;
  /** The fields of `config`. */
  Schema: Fields;
  /** The fields next to `config`, such as `protocols`. */
  PluginSchema?: Fields | undefined;
  /** Rules over several fields of `config` (Kong: `entity_checks`). */
  EntityChecks?: readonly Record<string, unknown>[] | undefined;
  /** Checks a configuration without starting anything. @throws ConfigError */
  readConfig?(config: unknown, host: Host): unknown;
  /**
   * Starts the plugin's state, unless it has started. Without a call, it starts with the first instance.
   * @param services what the plugins of the process share; of the plugin alone if left out
   */
  start?(services?: Services): RunningPlugin;
  Version: string;
  Priority: number;
  Name: string;
}
