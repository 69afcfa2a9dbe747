/**
 * The plugin instances of a process. Kong starts one for each plugin configuration and nginx worker, and another when
 * the configuration changes. It names the plugin once, then refers to the instance by number.
 */
import { randomInt } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Host } from '../../plugins/shared/host.js';
import type { PluginInstance, PluginModule } from '../../plugins/shared/plugin.js';

/**
 * Kong does not close the instances of a worker that has exited. Beyond this number the least recently used are
 * dropped. If Kong asks for one of them, it starts a new one.
 */
const MAX_INSTANCES = 8192;

/**
 * An instance whose configuration the plugin refuses is dropped after this time. Kong then starts a new one, with the
 * current values of the configuration's references.
 */
const REFUSED_TTL_MS = 1000;

/** Instance numbers are int32 on the wire. */
const MAX_INSTANCE_ID = 2 ** 31 - 1;

/** The reason why an instance fails every event. */
class ConfigurationRefused extends Error {
  constructor(reason: string) {
    super(`configuration refused: ${reason}`);
    // An operator's mistake needs no stack trace of our code.
    this.stack = this.message;
  }
}

export interface Instance {
  id: number;
  /** The plugin's name in Kong. */
  name: string;
  plugin: PluginInstance;
  /** Seconds since 1970. */
  startedAt: number;
}

export interface Instances {
  /**
   * Starts an instance. If the plugin refuses its configuration, or there is no such plugin, each event fails with the
   * reason. If the start failed, Kong would answer with an error of its own and log no reason.
   * @param name the plugin's name in Kong
   * @param config the configuration as Kong sent it: JSON
   * @throws Error if it is not JSON
   */
  start(name: string, config: Buffer): Instance;
  /** Returns undefined for a number that this process never gave out or has dropped. */
  get(id: number): Instance | undefined;
  close(id: number): Instance | undefined;
  readonly size: number;
  /** The plugins' names in Kong. */
  readonly names: readonly string[];
}

/** Makes the table of the instances of plugins. */
export function createInstances(plugins: readonly Pick<PluginModule, 'Name' | 'Plugin'>[], host: Host): Instances {
  const classes = new Map(plugins.map(({ Name, Plugin }) => [Name, Plugin]));
  const instances = new LRUCache<number, Instance>({ max: MAX_INSTANCES });

  function construct(name: string, config: unknown): { plugin: PluginInstance; ttl: number } {
    const Plugin = classes.get(name);
    if (Plugin === undefined) return { plugin: refusal(`this process has no plugin ${name}`), ttl: REFUSED_TTL_MS };
    try {
      return { plugin: new Plugin(config, host), ttl: 0 };
    } catch (error) {
      return { plugin: refusal((error as Error).message), ttl: REFUSED_TTL_MS };
    }
  }

  return {
    start(name, config) {
      const { plugin, ttl } = construct(name, parseJson(config));
      // Random, so that a number from before a restart does not match another configuration after it.
      let id = randomInt(1, MAX_INSTANCE_ID);
      while (instances.has(id)) id = randomInt(1, MAX_INSTANCE_ID);
      const instance = { id, name, plugin, startedAt: Math.floor(Date.now() / 1000) };
      instances.set(id, instance, { ttl });
      return instance;
    },
    get: (id) => instances.get(id),
    close(id) {
      const instance = instances.get(id);
      instances.delete(id);
      return instance;
    },
    get size() {
      return instances.size;
    },
    names: [...classes.keys()],
  };
}

/**
 * Makes an instance that fails access and response with the reason. In the log phase the client has its answer already.
 */
function refusal(reason: string): PluginInstance {
  const fail = (): never => {
    throw new ConfigurationRefused(reason);
  };
  return { access: fail, response: fail };
}

/** Parses JSON. The parser's own message would show a piece of the text, which may be a secret. */
function parseJson(config: Buffer): unknown {
  try {
    return JSON.parse(config.toString('utf8'));
  } catch {
    throw new Error('config is no JSON');
  }
}
