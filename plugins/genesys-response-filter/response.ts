/**
 * The response phase: one round trip reads the head, and a second one the body, if it matters. What the verdict says is
 * written with the end of the event.
 */
import { log, setClientHeaders, share } from '../runtime/effects.js';
import { GO_ON, type Reader, type Step, type Verdict as StepVerdict, step } from '../runtime/step.js';
import { BodyTooLong } from '../shared/body-too-long.js';
import { type ByteBudget, createByteBudget, NoRoom } from '../shared/byte-budget.js';
import type { Clock } from '../shared/clock.js';
import type { HeaderMap, HeaderValues } from '../shared/pdk.js';
import { RESPONSE_MARKER } from '../shared/response-marker.js';
import type { Config } from './config.js';
import type { Totals } from './metrics.js';
import type { Reports } from './reports.js';
import type { RequestPaths } from './rule/links.js';
import { type Head, judgeHead, sizeOf, type Undecided, type Verdict } from './verdict.js';

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

/** So much is asked for first of a body whose length the service does not say: ordinary ones have less. */
const USUAL_BYTES = 1024 * 1024;

/**
 * Bodies in work have so many bytes at most, over all requests: compressed as they come, and again decompressed. One that is
 * longer, which `max_body_bytes` may allow, is alone.
 */
const BYTES_IN_WORK = 32 * 1024 * 1024;

/** How long a body waits for room: not until the deadline, whose answer would tell no one that trying again helps. */
const MAX_WAIT_MS = 10_000;

/** The memory that bodies may take in this process. */
export interface Memory {
  bodies: ByteBudget;
  /** Of what is being decompressed. Apart, as this work already holds its body: waiting for the same room could be for ever. */
  decompressed: ByteBudget;
}

export function createMemory(clock: Pick<Clock, 'startTimer'>): Memory {
  return {
    bodies: createByteBudget(BYTES_IN_WORK, MAX_WAIT_MS, clock),
    decompressed: createByteBudget(BYTES_IN_WORK, MAX_WAIT_MS, clock),
  };
}

/** Makes the step of one configuration. */
export function responseStep(config: Config, totals: Totals, memory: Memory, reports: Reports): Step {
  /** In report mode a verdict is noted, and the answer goes out as it is. */
  const finish = (verdict: Verdict, head: Head, bytes: number): StepVerdict => {
    if (!config.reportsOnly) return marked(carryOut(verdict, head, bytes, totals), head);
    totals.count('reported', bytes, bytes);
    reports.note(head, verdict);
    return marked(GO_ON, head);
  };
  return step(
    async (event) => ({
      head: await readHead(event, config),
      readBody: (maxBytes: number) => event.service.response.getRawBody(maxBytes),
      readPaths: () => readPaths(event),
    }),
    async ({ head, readBody, readPaths }) => {
      const judged = judgeHead(head, config, memory.decompressed);
      if (judged.kind === 'undecided') {
        const { verdict, bytes } = await judgeBody(
          judged,
          readBody,
          config.links === 'rewrite' ? readPaths : async () => undefined,
          memory.bodies,
        );
        return finish(verdict, head, bytes);
      }
      return finish(judged, head, sizeOf(head) ?? 0);
    },
  );
}

/** Reads as much of the body as matters, when there is room for it, and judges it. */
async function judgeBody(
  undecided: Undecided,
  readBody: (maxBytes: number) => Promise<Buffer>,
  readPaths: () => Promise<RequestPaths | undefined>,
  bodies: ByteBudget,
): Promise<{ verdict: Verdict; bytes: number }> {
  const judge = (limit: number) =>
    bodies.run(limit, async () => {
      const [body, paths] = await Promise.all([readBody(limit), readPaths()]);
      return { verdict: await undecided.judge(body, paths), bytes: body.length };
    });
  try {
    return await judge(undecided.declaredBytes ?? Math.min(USUAL_BYTES, undecided.maxBytes)).catch((error) => {
      if (error instanceof BodyTooLong && error.bytes <= undecided.maxBytes) return judge(error.bytes);
      throw error;
    });
  } catch (error) {
    if (error instanceof BodyTooLong) return { verdict: await undecided.judge(undefined), bytes: error.bytes };
    if (error instanceof NoRoom) return { verdict: undecided.noRoom, bytes: 0 };
    throw error;
  }
}

/** Lets the log phase of other plugins read the body of a 429, which says what limit was met. */
function marked(verdict: StepVerdict, { status }: Head): StepVerdict {
  return status === 429 ? { ...verdict, effects: [...verdict.effects, share(RESPONSE_MARKER, true)] } : verdict;
}

/** Turns a verdict into what Kong is told. @param bytes of the service's body, as far as it is known */
function carryOut(verdict: Verdict, { status, headers }: Head, bytes: number, totals: Totals): StepVerdict {
  /** An empty list removes a header. Only those that are there: each costs. */
  const without = (names: readonly string[]): HeaderValues =>
    Object.fromEntries(names.filter((name) => name in headers).map((name) => [name, []]));
  switch (verdict.kind) {
    case 'pass': {
      totals.count(verdict.warning === undefined ? 'passed' : 'unfiltered', bytes, bytes);
      const removed = without(verdict.removeHeaders);
      const effects = Object.keys(removed).length === 0 ? [] : [setClientHeaders(removed)];
      return { effects: verdict.warning === undefined ? effects : [log('warn', verdict.warning), ...effects] };
    }
    case 'block':
      totals.count('blocked', bytes, 0);
      return blocked(verdict, without([...verdict.removeHeaders, ...BODY_HEADERS]));
    case 'replace': {
      totals.count('filtered', bytes, verdict.body.length);
      const removed = without([...verdict.removeHeaders, ...BODY_HEADERS]);
      const changed = verdict.contentType === undefined ? {} : { 'Content-Type': verdict.contentType };
      return { effects: [], answer: { status, body: verdict.body, headers: { ...removed, ...changed } } };
    }
  }
}

function blocked(
  { reason, status, retryAfterSeconds }: Extract<Verdict, { kind: 'block' }>,
  removed: HeaderValues,
): StepVerdict {
  return {
    effects: [log('err', `a response is blocked: ${reason}`)],
    answer: {
      code: 'gateway.response.blocked',
      message: "The gateway did not let the service's response through",
      ...(status === undefined ? {} : { status }),
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
      // What the service said of its own answer must not keep this one in a cache.
      headers: { ...removed, 'Cache-Control': 'no-store', [BLOCKED_HEADER]: 'blocked' },
    },
  };
}

/** Reads the request's paths, with the body in one round trip. */
async function readPaths({ nginx }: Reader): Promise<RequestPaths> {
  const [client, service] = await Promise.all([nginx.getVar('request_uri'), nginx.getVar('upstream_uri')]);
  return { client, service };
}

async function readHead(event: Reader, config: Config): Promise<Head> {
  const [method, uri, phase, status, headers] = await Promise.all([
    event.request.getMethod(),
    config.readsPath ? event.nginx.getVar('upstream_uri') : '',
    event.nginx.getCtx(PHASE),
    event.response.getStatus(),
    event.response.getHeaders(),
  ]);
  const isOfThisRequest = phase === RESPONSE_PHASE;
  return { method, uri, ...(isOfThisRequest ? { status, headers } : await readFromService(event, config)) };
}

/**
 * Status and headers by the calls that Kong always answers for the request at hand. `kong.response.getStatus`, `getHeaders`
 * and `kong.nginx.getCtx` it answers for an earlier request, on a coroutine whose last log event it aborted because a
 * plugin server had died (measured on Kong 3.9.3: the saved request stays on the coroutine, kong/runloop/plugin_servers/plugin.lua).
 * Not the length: Kong has it as a number, and fails the request of whoever asks for it so (measured).
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
