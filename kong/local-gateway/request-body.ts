/** Reads the whole body of a request into memory, as nginx does before it sends anything on. */
import type { RequestContext } from './request-context.js';

/** Reads the body once, or returns what a plugin has replaced it with. */
export async function readRequestBody(context: RequestContext): Promise<Buffer> {
  if (context.body !== undefined) return context.body;
  const chunks: Buffer[] = [];
  for await (const chunk of context.request) chunks.push(chunk as Buffer);
  context.body ??= Buffer.concat(chunks);
  return context.body;
}

/** Returns whether the client disconnected before its request was complete. */
export function isBrokenOff({ request }: RequestContext): boolean {
  return request.destroyed && !request.complete;
}
