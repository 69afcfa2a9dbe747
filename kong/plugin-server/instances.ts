/**
 * The plugin instances of a process: Kong starts one per plugin configuration and nginx worker, and another one when the
 * configuration changes, and refers to it by a number.
 */
import { randomInt } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Host } from '../../plugins/shared/host.js';
import type { PluginInstance, PluginModule } from '../../plugins/shared/plugin.js';

/**
 * Kong does not close the instances of a worker that has left. The least recently used are dropped beyond this number;
 * should one of them still be asked for, Kong starts it anew.
 */
const MAX_INSTANCES = 8192;

/**
 * An instance whose configuration the plugin refuses is dropped after this time, so that Kong starts it anew with what the
 * configuration's references lead to by then.
 */
const REFUSED_TTL_MS = 1000;

/** Instance numbers are int32 on the wire. */
const MAX_INSTANCE_ID = 2 ** 31 - 1;

/** Why an instance fails every event. */
class ConfigurationRefused extends Error {
  constructor(reason: string) {
    super(`configuration refused: ${reason}`);
    // Where the operator's mistake was found in our code is nothing to him.
    this.stack = this.message;
  }
}

export interface Instance {
  id: number;
  plugin: PluginInstance;
  /** Seconds since 1970. */
  startedAt: number;
}

export interface Instances {
  /**
   * Starts an instance. One whose configuration the plugin refuses fails each event with the reason: were it not started,
   * Kong would answer with an error of its own, and log no reason.
   * @param config the configuration as Kong sent it: JSON
   * @throws Error if it is none
   */
  start(config: Buffer): Instance;
  /** Undefined for a number that this process never gave out, or has dropped. */
  get(id: number): Instance | undefined;
  close(id: number): Instance | undefined;
  readonly size: number;
}

/** Makes the table of a plugin's instances. */
export function createInstances(Plugin: PluginModule['Plugin'], host: Host): Instances {
  const instances = new LRUCache<number, Instance>({ max: MAX_INSTANCES });

  function construct(config: unknown): { plugin: PluginInstance; ttl: number } {
    try {
      return { plugin: new Plugin(config, host), ttl: 0 };
    } catch (error) {
      return { plugin: refusal((error as Error).message), ttl: REFUSED_TTL_MS };
    }
  }

  return {
    start(config) {
      const { plugin, ttl } = construct(parseJson(config));
      // Random, so that a number from before a restart does not meet another configuration after it.
      let id = randomInt(1, MAX_INSTANCE_ID);
      while (instances.has(id)) id = randomInt(1, MAX_INSTANCE_ID);
      const instance = { id, plugin, startedAt: Math.floor(Date.now() / 1000) };
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
  };
}

/** Lets nothing pass, and tells why. In the log phase the client has its answer, and the log the reason. */
function refusal(reason: string): PluginInstance {
  const fail = (): never => {
    throw new ConfigurationRefused(reason);
  };
  return { access: fail, response: fail };
}

/** The parser's own message would show a piece of the text, which may be a secret. */
function parseJson(config: Buffer): unknown {
  try {
    return JSON.parse(config.toString('utf8'));
  } catch {
    throw new Error('config is no JSON');
  }
}
