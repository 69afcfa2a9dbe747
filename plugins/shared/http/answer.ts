/** Answers a client in place of the service, with Genesys' error body and Kong's request id. */
import { type GatewayErrorCode, gatewayError } from '../gateway-error.js';
import type { HeaderValues, Kong } from '../pdk.js';

/** Optional properties of an answer. */
export interface AnswerOptions {
  /** The value of Retry-After, in seconds. */
  retryAfterSeconds?: number;
  /** Another status than that of the code. */
  status?: number;
  /** More headers. An empty list removes a header. */
  headers?: HeaderValues;
}

/**
 * Ends the request with an error, in the access or the response phase.
 * @param message for the client: what happened and what helps, never a secret or a cause inside the gateway
 * @throws PdkError if the connection to Kong is closed
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
