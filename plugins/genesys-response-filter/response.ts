/** The response phase: one round trip to read the exchange, and what the verdict says, written with the end of the event. */
import { answerError } from '../shared/http/answer.js';
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

/** What tells in which phase the request is that Kong answers about, and its value in the response phase (kong/pdk/private/phases.lua). */
const PHASE = 'KONG_PHASE';
const RESPONSE_PHASE = 0x80;

/** Headers that a verdict depends on. */
const CONTENT_HEADERS = ['content-type', 'content-encoding'];

/** Runs the response phase. Rejects only if Kong does, which Kong answers with 500. */
export async function handleResponse(kong: Kong, config: Config, totals: Totals): Promise<void> {
  const [method, uri, phase, seenStatus, seenHeaders, body] = await Promise.all([
    kong.request.getMethod(),
    config.readsPath ? kong.nginx.getVar('upstream_uri') : '',
    kong.nginx.getCtx(PHASE),
    kong.response.getStatus(),
    kong.response.getHeaders(),
    kong.service.response.getRawBody(),
  ]);
  const isOfThisRequest = phase === RESPONSE_PHASE;
  const { status, headers } = isOfThisRequest
    ? { status: seenStatus, headers: seenHeaders }
    : await readFromService(kong, config);
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
  void clear(kong, headers, [...verdict.removeHeaders, ...BODY_HEADERS]);
  await answerError(kong, 'gateway.response.blocked', "The gateway did not let the service's response through", {
    ...(verdict.status === undefined ? {} : { status: verdict.status }),
    // What the service said of its own answer must not keep this one in a cache.
    headers: { 'Cache-Control': 'no-store', [BLOCKED_HEADER]: 'blocked' },
  });
}

/**
 * Status and headers by the calls that Kong always answers for the request at hand. `kong.response.getStatus`, `getHeaders`
 * and `kong.nginx.getCtx` it answers for an earlier request, on a coroutine whose last log event it aborted because a
 * plugin server had died (measured on Kong 3.9.3: the saved request stays on the coroutine, kong/runloop/plugin_servers/plugin.lua).
 */
async function readFromService(kong: Kong, { rules }: Config): Promise<{ status: number; headers: HeaderMap }> {
  const names = new Set([...CONTENT_HEADERS, ...BODY_HEADERS, ...rules.flatMap(({ removeHeaders }) => removeHeaders)]);
  const [status, ...found] = await Promise.all([
    kong.service.response.getStatus(),
    ...[...names].map(async (name) => ({ name, value: await kong.service.response.getHeader(name) })),
  ]);
  const headers: HeaderMap = {};
  for (const { name, value } of found) if (value !== undefined) headers[name] = [value];
  return { status, headers };
}

/** Only those that are there: each is a call. */
async function clear(kong: Kong, headers: HeaderMap, names: readonly string[]): Promise<void> {
  await Promise.all(names.filter((name) => name in headers).map((name) => kong.response.clearHeader(name)));
}
