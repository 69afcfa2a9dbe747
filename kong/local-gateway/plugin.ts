/** A plugin as the gateway runs it: one of Kong's bundled plugins, or one in a plugin server. */
import type { Fields } from '../../plugins/shared/kong-schema/field.js';
import type { PlainObject } from '../../plugins/shared/plain-object.js';
import type { PluginEntity } from './config/types.js';
import type { RequestContext } from './request-context.js';

/** A phase of a plugin. To answer the client, it sets `context.exit` and returns. An error thrown is a 500. */
export type PluginPhase = (context: RequestContext, entity: PluginEntity) => void | Promise<void>;

/** A plugin. Its state between requests is in its closure, keyed by the entity's id. */
export interface GatewayPlugin {
  readonly name: string;
  /** Higher runs first. */
  readonly priority: number;
  /** The fields of the plugin entity that its schema defines, including `config`. */
  readonly fields: Fields;
  readonly entityChecks?: readonly unknown[];
  /** Checks what Kong checks in Lua functions. Yields each fault. */
  check?(config: PlainObject): Iterable<string>;
  access?: PluginPhase;
  /** If set, the answers of the plugin's routes are buffered. */
  response?: PluginPhase;
  log?: PluginPhase;
}
