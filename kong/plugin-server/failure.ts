/**
 * Answers the client when a handler throws or runs out of time. No request passes unhandled: access and response end in
 * an error answer. In the log phase the client has its answer already, so the failure is only logged.
 */
import { type GatewayErrorCode, gatewayError } from '../../plugins/shared/gateway-error.js';
import type { Kong } from '../../plugins/shared/pdk.js';
import type { Phase } from '../../plugins/shared/plugin.js';

const MESSAGES = {
  'gateway.plugin.error': 'The gateway failed while it handled this request.',
  'gateway.plugin.timeout': 'The gateway did not finish handling this request in time.',
} as const satisfies Partial<Record<GatewayErrorCode, string>>;

export type FailureCode = keyof typeof MESSAGES;

/** Methods that a client may repeat without doing anything twice (RFC 9110 9.2.1, without TRACE). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Statuses whose answer has no body (RFC 9110 15.3.5, 15.3.6, 15.4.5). */
const BODILESS_STATUSES = new Set([204, 205, 304]);

/** Headers that describe the service's body and would be wrong for ours. */
const BODY_HEADERS = ['Content-Encoding', 'ETag', 'Content-MD5', 'Digest', 'Content-Digest', 'Repr-Digest'];

/** Ends the event with the answer for a failed handler. Resolves when it has been written. */
export async function answerFailure(kong: Kong, phase: Exclude<Phase, 'log'>, code: FailureCode): Promise<void> {
  if (phase === 'access') {
    const contextId = await kong.nginx.getVar('kong_request_id');
    const answer = gatewayError(code, MESSAGES[code], { contextId });
    await kong.response.exit(answer.status, answer.body, answer.headers);
    return;
  }
  const [contextId, method, serviceStatus] = await Promise.all([
    kong.nginx.getVar('kong_request_id'),
    kong.request.getMethod(),
    kong.service.response.getStatus(),
  ]);
  // The service has answered. Genesys' SDKs repeat a write that seems to have failed, so a write keeps its status.
  const wasDone = !SAFE_METHODS.has(method);
  const answer = gatewayError(code, MESSAGES[code], { contextId, ...(wasDone ? { status: serviceStatus } : {}) });
  for (const name of BODY_HEADERS) void kong.response.clearHeader(name);
  const body = BODILESS_STATUSES.has(answer.status) ? '' : answer.body;
  const headers = wasDone ? { ...answer.headers, 'X-Gateway-Response': 'blocked' } : answer.headers;
  await kong.response.exit(answer.status, body, headers);
}
