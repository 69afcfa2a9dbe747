/** The whole body of a request, in memory: nginx too reads it before it sends anything on. */
import type { RequestContext } from './request-context.js';

/** Reads the body once, or returns what a plugin has put in its place. */
export async function readRequestBody(context: RequestContext): Promise<Buffer> {
  if (context.body !== undefined) return context.body;
  // The stream of a request that Node sets apart, for another protocol, has no end.
  const isUpgrade = 'upgrade' in context.request && context.request.upgrade === true;
  const chunks: Buffer[] = [];
  if (!isUpgrade) for await (const chunk of context.request) chunks.push(chunk as Buffer);
  context.body ??= Buffer.concat(chunks);
  return context.body;
}

/** Whether the client has gone before its request was complete. */
export function isBrokenOff({ request }: RequestContext): boolean {
  return request.destroyed && !request.complete;
}
