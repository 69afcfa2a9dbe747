/** Answers a client in place of the service, with Genesys' error body and Kong's request id in it. */
import { type GatewayErrorCode, gatewayError } from '../gateway-error.js';
import type { HeaderValues, Kong } from '../pdk.js';

/** What an answer has besides its code and message. */
export interface AnswerOptions {
  /** For Retry-After, in seconds. */
  retryAfterSeconds?: number;
  /** Another status than the code's own. */
  status?: number;
  /** Further headers. An empty list removes one. */
  headers?: HeaderValues;
}

/**
 * Ends the request with an error, in the access or the response phase.
 * @param message for the client: what happened and what helps, never a secret or a cause inside the gateway
 * @throws PdkError if Kong has gone
 */
export async function answerError(
  kong: Kong,
  code: GatewayErrorCode,
  message: string,
  options: AnswerOptions = {},
): Promise<void> {
  const contextId = await kong.nginx.getVar('kong_request_id');
  const { status, body, headers } = gatewayError(code, message, { ...options, contextId });
  await kong.response.exit(status, body, { ...headers, ...options.headers });
}
