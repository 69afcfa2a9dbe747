/** Builds the client's response headers: the answer's own, those that plugins set before it, and Kong's. */
import { HeaderList } from './headers.js';
import type { Answer, RequestContext } from './request-context.js';

/** Adds the headers that plugins set before there was an answer. They replace the answer's of the same name. */
export function withEarlyHeaders(answer: Answer, { early }: RequestContext): Answer {
  return { ...answer, headers: replace(answer.headers, early) };
}

/**
 * Merges the service's headers with those that plugins set before. If the PDK set a header in access and the service
 * sends it too, the client gets both, the plugin's first. On a buffered route it gets only the service's (measured).
 */
export function mergeServiceHeaders(context: RequestContext, how: 'add' | 'replace'): HeaderList {
  const { serviceHeaders = new HeaderList(), early, setInAccess } = context;
  const merged = replace(serviceHeaders, early);
  for (const name of setInAccess) {
    const own = serviceHeaders.all(name);
    if (own.length > 0) merged.set(name, how === 'add' ? [...early.all(name), ...own] : own);
  }
  return merged;
}

/** Adds Kong's own headers: the request's id and, if the service was asked, how long it took. */
export function addKongHeaders(headers: HeaderList, { id, latencies }: RequestContext): void {
  if (latencies.proxy >= 0) {
    headers.set('Via', ['1.1 kong/3.9.3']);
    headers.set('X-Kong-Upstream-Latency', [String(latencies.proxy)]);
  }
  headers.set('X-Kong-Request-Id', [id]);
}

function replace(headers: HeaderList, by: HeaderList): HeaderList {
  const merged = headers.clone();
  for (const name of new Set(by.entries().map(([own]) => own))) merged.set(name, by.all(name));
  return merged;
}
