/**
 * The plugins of a process. Each has a name in Kong, which need not be its module's: `--plugins` takes
 * `genesys-quota:without-log` and `unbuffered=genesys-pii-log:without-bodies`. The second is one more plugin for Kong,
 * with the module's state.
 */
import { type PluginModule, type RunningPlugin, VARIANTS } from '../../plugins/shared/plugin.js';

/** A plugin that a process is to run, as the command line names it. */
export interface PluginChoice {
  /** The name in Kong. */
  name: string;
  /** The name of the module. */
  module: string;
  /** The phase to leave out; undefined if the plugin has all of its phases. */
  variant: (typeof VARIANTS)[number] | undefined;
}

/** The state of a module in a process, and the name in Kong that its metrics have. */
export interface RunningModule extends RunningPlugin {
  name: string;
}

/** A plugin's name in Kong: in kong.conf it is part of a setting's name. */
const NAME = /^[a-z0-9][a-z0-9-]*$/;

/** Reads a name of a plugin in Kong. @throws Error */
export function readPluginName(option: string, text: string): string {
  if (!NAME.test(text)) throw new Error(`--${option} ${text}: small letters, digits, hyphens`);
  return text;
}

/**
 * Reads the value of `--plugins`.
 * @param text such as `genesys-quota:without-log,genesys-login`
 * @param known what can be chosen by its name alone; all modules among it
 * @throws Error that names what is wrong
 */
export function readPlugins(text: string, known: readonly PluginChoice[]): PluginChoice[] {
  const choices = text.split(',').map((item): PluginChoice => {
    const ready = known.find(({ name }) => name === item);
    if (ready !== undefined) return ready;
    const [, alias, module = '', flag] = /^(?:([^=:]*)=)?([^=:]*)(?::([^=:]*))?$/.exec(item) ?? [];
    const variant = VARIANTS.find((candidate) => candidate === flag);
    if (!known.some((one) => one.module === module)) throw new Error(`--plugins ${item}: known are ${namesOf(known)}`);
    if (flag !== undefined && variant === undefined)
      throw new Error(`--plugins ${item}: after the colon ${VARIANTS.join(' or ')}`);
    return { name: readPluginName('plugins', alias ?? module), module, variant };
  });
  const twice = choices.find(({ name }, index) => choices.findIndex((other) => other.name === name) < index);
  if (twice !== undefined) throw new Error(`--plugins: ${twice.name} is there twice`);
  return choices;
}

/** Returns the names of plugins, for a message. */
export function namesOf(plugins: readonly PluginChoice[]): string {
  return plugins.map(({ name }) => name).join(', ');
}

/** Returns a module under its name in Kong, with the phases that are left. @throws Error if it has no such variant */
export function hostedPlugin(module: PluginModule, { name, variant }: PluginChoice): PluginModule {
  const Plugin = variant === undefined ? module.Plugin : module.variants?.[variant];
  if (Plugin === undefined) throw new Error(`--${variant}: ${module.Name} has no such variant`);
  return { ...module, Name: name, Plugin };
}
