/** The method that the service receives. Pure. */

/**
 * The methods that Kong always forwards. When Kong buffers an answer, it sends GET to the service in place of any other
 * method (kong/init.lua of 3.9.3, and measured). So an invented method must not bypass what is configured for GET.
 */
const FORWARDED_METHODS = new Set([
  ...['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'],
  ...['MKCOL', 'COPY', 'MOVE', 'PROPFIND', 'PROPPATCH', 'LOCK', 'UNLOCK'],
]);

/** Returns the method that the service receives. @param method the method that the client sent */
export function forwardedMethod(method: string): string {
  return FORWARDED_METHODS.has(method) ? method : 'GET';
}
