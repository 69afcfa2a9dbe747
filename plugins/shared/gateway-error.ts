/**
 * The plugins' own answers. They have the shape of Genesys Cloud's error body, so that Genesys' SDKs and scripts
 * understand them. Pure: builds the arguments of `kong.response.exit`.
 */

/** The plugins' error codes, each with its HTTP status. */
export const GATEWAY_ERRORS = {
  'gateway.token.unavailable': 503,
  'gateway.quota.unavailable': 503,
  'gateway.upstream.unavailable': 503,
  'gateway.quota.exceeded': 429,
  'too.many.requests.retry.after': 429,
  'gateway.request.refused': 403,
  'gateway.response.blocked': 502,
  'gateway.plugin.error': 500,
  'gateway.plugin.timeout': 504,
} as const;

export type GatewayErrorCode = keyof typeof GATEWAY_ERRORS;

/** Arguments for `kong.response.exit`. */
export interface GatewayAnswer {
  status: number;
  body: string;
  headers: Record<string, string>;
}

/**
 * Builds an error answer.
 * @param code one of the codes above; its status applies unless `status` is given
 * @param message for the client: what happened and what helps, never a secret or a cause inside the gateway
 * @param options.contextId Kong's request id (`nginx.getVar('kong_request_id')`), to find the log line
 * @param options.retryAfterSeconds for the Retry-After header (RFC 9110 10.2.3): whole seconds, at least 1
 * @param options.status another status than that of the code
 */
export function gatewayError(
  code: GatewayErrorCode,
  message: string,
  options: { contextId: string; retryAfterSeconds?: number; status?: number },
): GatewayAnswer {
  const status = options.status ?? GATEWAY_ERRORS[code];
  const headers: Record<string, string> = { 'Content-Type': 'application/json; charset=utf-8' };
  if (options.retryAfterSeconds !== undefined) {
    headers['Retry-After'] = String(Math.max(1, Math.ceil(options.retryAfterSeconds)));
  }
  const body = JSON.stringify({ message, code, status, contextId: options.contextId, details: [], errors: [] });
  return { status, body, headers };
}
