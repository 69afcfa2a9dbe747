/** The method that the service gets. Pure. */

/**
 * The methods that Kong hands on whatever happens. When it buffers an answer, it sends GET to the service in place of any
 * other (kong/init.lua of 3.9.3, and measured), so an invented method must not get around what is configured for GET.
 */
const FORWARDED_METHODS = new Set([
  ...['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'],
  ...['MKCOL', 'COPY', 'MOVE', 'PROPFIND', 'PROPPATCH', 'LOCK', 'UNLOCK'],
]);

/** @param method as the client sent it */
export function forwardedMethod(method: string): string {
  return FORWARDED_METHODS.has(method) ? method : 'GET';
}
