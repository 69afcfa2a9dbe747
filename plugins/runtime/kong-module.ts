/**
 * Turns a part into a plugin's module. The module follows the contract of kong-js-pdk (plugins/shared/plugin.ts), so it
 * runs in our plugin server and in kong-pdk's own.
 */
import { BARE_HOST, type Host } from '../shared/host.js';
import { ConfigError } from '../shared/kong-schema/config-error.js';
import type { Fields } from '../shared/kong-schema/field.js';
import type { Kong } from '../shared/pdk.js';
import type { Phase, PluginClass, PluginInstance, PluginModule } from '../shared/plugin.js';
import { createServices, type Services } from '../shared/services.js';
import type { Timeline } from '../shared/timeline.js';
import { VERSION } from '../shared/version.js';
import type { Part, RunningPart } from './part.js';
import { runLogPhase, runPhase } from './run-phase.js';
import type { Step } from './step.js';

/** What a plugin has in addition to its part. */
export interface PluginIdentity<Config> {
  name: string;
  /** Kong runs higher priorities first. */
  priority: number;
  /** Fields next to `config`, such as `protocols`. */
  pluginFields?: Fields;
  part: Part<Config>;
}

/**
 * Makes the exports of a plugin's index.ts. The part's state starts with the first instance, or with `start`. A plugin
 * with several parts joins them into one (plugins/runtime/join-parts.ts).
 */
export function kongModule<Config>({ name, priority, pluginFields, part }: PluginIdentity<Config>) {
  let running: RunningPart<Config> | undefined;
  const start = (services?: Services): RunningPart<Config> => {
    running ??= part.start(services ?? createServices());
    return running;
  };
  const variants = Object.entries(part.optionalPhases ?? {}).map(([flag, { phase, why, neededBy }]) => {
    const check = (config: Config): void => {
      const field = neededBy(config);
      if (field === undefined) return;
      const reason = typeof why === 'string' ? why : why(field);
      throw new ConfigError(field, `${reason}, which a plugin server started with --${flag} does not see`);
    };
    const phases = part.phases.filter((each) => each !== phase);
    return [flag, pluginClass(part, phases, start, check)] as const;
  });
  return {
    Name: name,
    Version: VERSION,
    Priority: priority,
    Schema: part.fields,
    PluginSchema: pluginFields,
    EntityChecks: part.entityChecks,
    Plugin: pluginClass(part, part.phases, start, () => {}),
    variants: Object.fromEntries(variants),
    /** Checks a configuration without starting anything. */
    readConfig: part.readConfig,
    start,
  } satisfies PluginModule;
}

/** Makes a class with a method for each phase. Kong runs the phases that the prototype has. */
function pluginClass<Config>(
  part: Part<Config>,
  phases: readonly Phase[],
  start: () => RunningPart<Config>,
  check: (config: Config) => void,
): PluginClass {
  class Plugin implements PluginInstance {
    access?(kong: Kong, timeline?: Timeline): Promise<void>;
    response?(kong: Kong, timeline?: Timeline): Promise<void>;
    log?(kong: Kong, timeline?: Timeline): Promise<void>;
    readonly steps: Readonly<Record<string, readonly Step[]>>;

    constructor(config: unknown, host: Host = BARE_HOST) {
      const read = part.readConfig(config, host);
      check(read);
      this.steps = Object.fromEntries(
        Object.entries(start().stepsOf(read)).map(([phase, steps = []]) => [phase, [steps].flat()]),
      );
    }
  }
  for (const phase of phases) {
    const run = phase === 'log' ? runLogPhase : runPhase;
    Object.defineProperty(Plugin.prototype, phase, {
      value(this: Plugin, kong: Kong, timeline?: Timeline): Promise<void> {
        return run(this.steps[phase] ?? [], kong, timeline);
      },
    });
  }
  return Plugin;
}
