/** The schemas of Kong's own plugins that the local gateway knows, without what runs them. */
import type { GatewayPlugin } from '../plugin.js';
import { acl } from './acl.js';
import { basicAuth } from './basic-auth.js';
import { createCorrelationId } from './correlation-id.js';
import { jwtSchema } from './jwt-schema.js';
import { keyAuth } from './key-auth.js';
import { createRateLimiting } from './rate-limiting.js';
import { requestSizeLimiting } from './request-size-limiting.js';
import { requestTermination } from './request-termination.js';
import { requestTransformer } from './request-transformer.js';

/** What a plugin's entry is checked by. */
export type PluginSchema = Pick<GatewayPlugin, 'name' | 'fields' | 'entityChecks' | 'check'>;

/** Returns the schemas. */
export function bundledSchemas(): PluginSchema[] {
  return [jwtSchema, ...createPluginsWithoutJwt()];
}

/** Creates the plugins for one gateway, but for jwt. Their counters are not shared with another. */
export function createPluginsWithoutJwt(): GatewayPlugin[] {
  return [
    ...[createCorrelationId(), keyAuth, basicAuth, requestSizeLimiting, acl, createRateLimiting()],
    ...[requestTransformer, requestTermination],
  ];
}
