/** The response phase: one round trip to read the exchange, and what the verdict says, written with the end of the event. */
import { gatewayError } from '../shared/gateway-error.js';
import type { HeaderMap, HeaderValues, Kong } from '../shared/pdk.js';
import type { Config } from './config.js';
import type { Totals } from './metrics.js';
import { judge } from './verdict.js';

/** What describes the service's body, and not the one that leaves in its place. */
const BODY_HEADERS = [
  'content-encoding',
  'etag',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
  'accept-ranges',
  'content-range',
];

/** Marks an answer whose body was withheld, as its status may be that of a success. */
const BLOCKED_HEADER = 'X-Gateway-Response';

/** Runs the response phase. Rejects only if Kong does, which Kong answers with 500. */
export async function handleResponse(kong: Kong, config: Config, totals: Totals): Promise<void> {
  const [method, uri, status, headers, body] = await Promise.all([
    kong.request.getMethod(),
    config.readsPath ? kong.nginx.getVar('upstream_uri') : '',
    kong.response.getStatus(),
    kong.response.getHeaders(),
    kong.service.response.getRawBody(),
  ]);
  const verdict = await judge({ method, uri, status, headers, body }, config);
  if (verdict.kind === 'pass') {
    totals.count(verdict.warning === undefined ? 'passed' : 'unfiltered', body.length, body.length);
    if (verdict.warning !== undefined) void kong.log.warn(verdict.warning);
    return clear(kong, headers, verdict.removeHeaders);
  }
  if (verdict.kind === 'replace') {
    totals.count('filtered', body.length, verdict.body.length);
    void clear(kong, headers, [...verdict.removeHeaders, ...BODY_HEADERS]);
    const changed: HeaderValues = verdict.contentType === undefined ? {} : { 'Content-Type': verdict.contentType };
    return kong.response.exit(status, verdict.body, changed);
  }
  totals.count('blocked', body.length, 0);
  void kong.log.err(`a response is blocked: ${verdict.reason}`);
  const contextId = await kong.nginx.getVar('kong_request_id');
  const answer = gatewayError(
    'gateway.response.blocked',
    "The gateway did not let the service's response through",
    verdict.status === undefined ? { contextId } : { contextId, status: verdict.status },
  );
  void clear(kong, headers, [...verdict.removeHeaders, ...BODY_HEADERS]);
  await kong.response.exit(answer.status, answer.body, {
    ...answer.headers,
    // What the service said of its own answer must not keep this one in a cache.
    'Cache-Control': 'no-store',
    [BLOCKED_HEADER]: 'blocked',
  });
}

/** Only those that are there: each is a call. */
async function clear(kong: Kong, headers: HeaderMap, names: readonly string[]): Promise<void> {
  await Promise.all(names.filter((name) => name in headers).map((name) => kong.response.clearHeader(name)));
}
