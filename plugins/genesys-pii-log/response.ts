/**
 * The response phase: leaves a mark that it ran. Its being there makes Kong buffer the answer, and the mark tells the log
 * phase that there is an answer of the service to be read: without it Kong aborts the log handler, and one that is aborted
 * leaks one request's data into another.
 */
import type { Kong } from '../shared/pdk.js';

/** Under this key of `ctx.shared` stands `true` if the answer was buffered. */
export const RESPONSE_MARKER = 'genesys_pii_log_response';

/** Runs the response phase. */
export async function handleResponse(kong: Kong): Promise<void> {
  await kong.ctx.shared.set(RESPONSE_MARKER, true);
}
