/** Kong's own plugins that the local gateway knows. */
import type { GatewayPlugin } from '../plugin.js';
import { acl } from './acl.js';
import { basicAuth } from './basic-auth.js';
import { createCorrelationId } from './correlation-id.js';
import { jwt } from './jwt.js';
import { keyAuth } from './key-auth.js';
import { createRateLimiting } from './rate-limiting.js';
import { requestSizeLimiting } from './request-size-limiting.js';
import { requestTermination } from './request-termination.js';
import { requestTransformer } from './request-transformer.js';

/** Creates the plugins for one gateway. Their counters are not shared with another. */
export function createBundledPlugins(): GatewayPlugin[] {
  return [
    ...[createCorrelationId(), jwt, keyAuth, basicAuth, requestSizeLimiting, acl, createRateLimiting()],
    ...[requestTransformer, requestTermination],
  ];
}
