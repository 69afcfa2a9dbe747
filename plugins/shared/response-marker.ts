/**
 * The mark that a response phase has run for a request. Only then can the log phase read the service's answer: without
 * one, Kong aborts the log handler, and an aborted handler leaks one request's data into another.
 */

/** The key in `ctx.shared` that is `true` if the answer was buffered. */
export const RESPONSE_MARKER = 'genesys_pii_log_response';
