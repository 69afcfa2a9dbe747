/** The response phase: one round trip to read the exchange, and what the verdict says, written with the end of the event. */
import { clearClientHeader, type Effect, log } from '../runtime/effects.js';
import { type Reader, type Step, step, type Verdict } from '../runtime/step.js';
import type { HeaderMap } from '../shared/pdk.js';
import type { Config } from './config.js';
import type { Totals } from './metrics.js';
import { type Exchange, judge } from './verdict.js';

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

/** Makes the step of one configuration. */
export function responseStep(config: Config, totals: Totals): Step {
  return step(
    (event) => readExchange(event, config),
    async (exchange) => {
      const { status, headers, body } = exchange;
      const verdict = await judge(exchange, config);
      if (verdict.kind === 'pass') {
        totals.count(verdict.warning === undefined ? 'passed' : 'unfiltered', body.length, body.length);
        const effects = clear(headers, verdict.removeHeaders);
        return { effects: verdict.warning === undefined ? effects : [log('warn', verdict.warning), ...effects] };
      }
      const effects = clear(headers, [...verdict.removeHeaders, ...BODY_HEADERS]);
      if (verdict.kind === 'block') {
        totals.count('blocked', body.length, 0);
        return blocked(verdict.reason, verdict.status, effects);
      }
      totals.count('filtered', body.length, verdict.body.length);
      const changed = verdict.contentType === undefined ? {} : { 'Content-Type': verdict.contentType };
      return { effects, answer: { status, body: verdict.body, headers: changed } };
    },
  );
}

/** @param status to answer with; undefined: that of a blocked response */
function blocked(reason: string, status: number | undefined, effects: readonly Effect[]): Verdict {
  return {
    effects: [log('err', `a response is blocked: ${reason}`), ...effects],
    answer: {
      code: 'gateway.response.blocked',
      message: "The gateway did not let the service's response through",
      ...(status === undefined ? {} : { status }),
      // What the service said of its own answer must not keep this one in a cache.
      headers: { 'Cache-Control': 'no-store', [BLOCKED_HEADER]: 'blocked' },
    },
  };
}

async function readExchange(event: Reader, config: Config): Promise<Exchange> {
  const [method, uri, phase, status, headers, body] = await Promise.all([
    event.request.getMethod(),
    config.readsPath ? event.nginx.getVar('upstream_uri') : '',
    event.nginx.getCtx(PHASE),
    event.response.getStatus(),
    event.response.getHeaders(),
    event.service.response.getRawBody(),
  ]);
  const isOfThisRequest = phase === RESPONSE_PHASE;
  return { method, uri, body, ...(isOfThisRequest ? { status, headers } : await readFromService(event, config)) };
}

/**
 * Status and headers by the calls that Kong always answers for the request at hand. `kong.response.getStatus`, `getHeaders`
 * and `kong.nginx.getCtx` it answers for an earlier request, on a coroutine whose last log event it aborted because a
 * plugin server had died (measured on Kong 3.9.3: the saved request stays on the coroutine, kong/runloop/plugin_servers/plugin.lua).
 */
async function readFromService(
  { service }: Reader,
  { rules }: Config,
): Promise<{ status: number; headers: HeaderMap }> {
  const names = new Set([...CONTENT_HEADERS, ...BODY_HEADERS, ...rules.flatMap(({ removeHeaders }) => removeHeaders)]);
  const [status, ...found] = await Promise.all([
    service.response.getStatus(),
    ...[...names].map(async (name) => ({ name, value: await service.response.getHeader(name) })),
  ]);
  const headers: HeaderMap = {};
  for (const { name, value } of found) if (value !== undefined) headers[name] = [value];
  return { status, headers };
}

/** Only those that are there: each is a call. */
function clear(headers: HeaderMap, names: readonly string[]): Effect[] {
  return names.filter((name) => name in headers).map(clearClientHeader);
}
