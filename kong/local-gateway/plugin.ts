/** What the gateway runs on a request: a bundled plugin of Kong's, or one that lives in a plugin server. */
import type { Fields } from '../../plugins/shared/kong-schema/field.js';
import type { PlainObject } from '../../plugins/shared/plain-object.js';
import type { PluginEntity } from './config/types.js';
import type { RequestContext } from './request-context.js';

/** A phase of a plugin. It answers the client by setting `context.exit`, and returns then. An error thrown is a 500. */
export type PluginPhase = (context: RequestContext, entity: PluginEntity) => void | Promise<void>;

/** A plugin. What it must remember over requests lives in its closure, keyed by the entity's id. */
export interface GatewayPlugin {
  readonly name: string;
  /** Higher runs first. */
  readonly priority: number;
  /** The fields of the plugin entity that its schema defines, `config` among them. */
  readonly fields: Fields;
  readonly entityChecks?: readonly unknown[];
  /** What Kong checks by Lua functions; yields what is wrong. */
  check?(config: PlainObject): Iterable<string>;
  access?: PluginPhase;
  /** Its being there buffers the answers of its routes. */
  response?: PluginPhase;
  log?: PluginPhase;
}
