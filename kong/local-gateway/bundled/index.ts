/** Kong's own plugins that the local gateway knows. */
import type { GatewayPlugin } from '../plugin.js';
import { jwt } from './jwt.js';
import { createPluginsWithoutJwt } from './schemas.js';

/** Creates the plugins for one gateway. Their counters are not shared with another. */
export function createBundledPlugins(): GatewayPlugin[] {
  return [jwt, ...createPluginsWithoutJwt()];
}
