/**
 * The log phase: reads what Kong knows of the request, and hands it to the thread that masks and writes (writer/). The
 * client has its answer by then. Every call is one that Kong carries out in this phase; whatever else goes wrong ends in
 * an entry with less in it.
 */
import { log as logLine } from '../runtime/effects.js';
import { GO_ON, type Reader, type Step, step } from '../runtime/step.js';
import { BodyTooLong } from '../shared/body-too-long.js';
import { parseMediaType } from '../shared/http/media-type.js';
import type { Credential, PdkValue } from '../shared/pdk.js';
import { type CapturedBody, HARD_LIMIT, type LoggedBody, WINDOW } from './body/body.js';
import { declaredKind } from './body/kind.js';
import { type KongEntry, parseKongEntry } from './entry/kong-entry.js';
import type { Requests } from './requests.js';
import { RESPONSE_MARKER } from './response.js';
import type { Totals } from './totals.js';
import type { EntryTarget, Handoff } from './writer/handoff.js';
import type { Observation } from './writer/observation.js';
import { withoutContent } from './writer/write-entry.js';

/** What the log phase of one configuration needs. */
export interface Log {
  requests: Requests;
  /** Under this key of `ctx.shared` the access phase left the request's id. */
  marker: string;
  totals: Totals;
  /** Bytes of answers that the process is reading. */
  reading: { bytes: number };
  handoff: Pick<Handoff, 'waitingBytes' | 'takeWarning'>;
  target: EntryTarget;
  logsResponseBody: boolean;
  sampleRate: number;
  alwaysLogsErrors: boolean;
  /** Uniform in [0, 1). */
  random: () => number;
}

/** Marks an answer of the gateway's own in the place of the service's (genesys-response-filter, kong/plugin-server/failure.ts). */
const WITHHELD_HEADER = 'x-gateway-response';

/** Where Kong keeps the headers of a service whose answer it buffers, in nginx' context of the request (kong/init.lua). */
const BUFFERED_HEADERS = 'buffered_headers';

/** What is being read and waits to be masked holds no more memory than this; of further answers only the size is logged. */
const MAX_BYTES_IN_WORK = 64 * 1024 * 1024;

type Body = CapturedBody | LoggedBody;

interface Facts {
  id: PdkValue;
  wasBuffered: PdkValue;
  source: string;
  json: string;
  credential: Credential | undefined;
  /**
   * Reads the headers of the service, as Kong keeps them where it buffers. Not by `kong.service.response.get_header`: Kong has
   * the length as a number, and aborts whoever asks for it so (measured).
   */
  readServiceHeaders(): Promise<PdkValue>;
  /** Reads the body from the service, before any rewriting; only if it is logged. @throws BodyTooLong */
  readBody(): Promise<Buffer>;
}

/** Makes the step of one configuration. */
export function logStep(log: Log): Step {
  return step(
    (event) => readFacts(event, log.marker),
    async (facts) => {
      try {
        const observation = await observe(facts, log);
        if (observation === undefined) log.totals.ended('sampled_out');
        else log.target.write(observation);
      } catch (error) {
        log.totals.ended('failed');
        throw error;
      }
      const warning = log.handoff.takeWarning();
      return warning === undefined ? GO_ON : { effects: [logLine(warning.level, warning.line)] };
    },
  );
}

async function readFacts(event: Reader, marker: string): Promise<Facts> {
  const [id, wasBuffered, source, json, credential] = await Promise.all([
    event.ctx.shared.get(marker),
    event.ctx.shared.get(RESPONSE_MARKER),
    event.response.getSource(),
    event.log.serialize(),
    event.client.getCredential(),
  ]);
  return {
    id,
    wasBuffered,
    source,
    json,
    credential,
    readServiceHeaders: () => event.nginx.getCtx(BUFFERED_HEADERS),
    readBody: () => event.service.response.getRawBody(HARD_LIMIT),
  };
}

/** @returns undefined if the request is not to have an entry */
async function observe(facts: Facts, log: Log): Promise<Observation | undefined> {
  const { id, wasBuffered, source, json, credential } = facts;
  // A request that another plugin refused first has no mark.
  const request = typeof id === 'string' ? log.requests.end(id) : undefined;
  const entry = parse(json);
  const isError = entry.status === undefined || entry.status >= 400;
  const isLogged = log.sampleRate >= 1 || (isError && log.alwaysLogsErrors) || log.random() < log.sampleRate;
  if (!isLogged) return undefined;
  const hasAnswer = log.logsResponseBody && wasBuffered === true && source !== 'error';
  return {
    json,
    source,
    credentialId: credential?.id === '' ? undefined : credential?.id,
    requestBody: request?.wasDropped ? { truncated: true, omitted: 'overload' } : request?.body,
    responseBody: hasAnswer ? await readAnswer(facts, entry, log) : undefined,
  };
}

function parse(json: string): KongEntry {
  try {
    return parseKongEntry(json);
  } catch (error) {
    throw withoutContent(error);
  }
}

async function readAnswer(facts: Facts, entry: KongEntry, { reading, handoff }: Log): Promise<Body | undefined> {
  const size = sizeOfAnswer(entry);
  reading.bytes += size;
  try {
    return await answerOf(facts, entry, size, reading.bytes + handoff.waitingBytes > MAX_BYTES_IN_WORK);
  } finally {
    reading.bytes -= size;
  }
}

/** As declared, or as sent, which headers and a filter's work may make more or less of. */
function sizeOfAnswer({ responseHeaders, responseSize }: KongEntry): number {
  const declared = Number(responseHeaders['content-length']);
  return Number.isFinite(declared) ? declared : (responseSize ?? 0);
}

async function answerOf(
  { readServiceHeaders, readBody }: Facts,
  entry: KongEntry,
  entrySize: number,
  isOverloaded: boolean,
): Promise<Body | undefined> {
  const contentType = header(entry, 'content-type');
  const contentEncoding = header(entry, 'content-encoding');
  const unread = (size: number): CapturedBody => ({ bytes: Buffer.alloc(0), size, contentType, contentEncoding });
  // In the place of an answer that was withheld, an error left: the entry has its length.
  const wasWithheld = header(entry, WITHHELD_HEADER) !== undefined;
  const size = wasWithheld ? lengthIn(await readServiceHeaders()) : entrySize;
  if (declaredKind(parseMediaType(contentType)) === 'binary' || size > HARD_LIMIT) return unread(size);
  if (isOverloaded) return { size, truncated: true, omitted: 'overload' };
  try {
    const bytes = await readBody();
    if (bytes.length === 0) return undefined;
    return { bytes: Buffer.from(bytes.subarray(0, WINDOW)), size: bytes.length, contentType, contentEncoding };
  } catch (error) {
    if (error instanceof BodyTooLong) return unread(error.bytes);
    throw error;
  }
}

/** The length that headers declare; 0 if they do not. */
function lengthIn(headers: PdkValue): number {
  const entries = Object.entries(typeof headers === 'object' ? (headers ?? {}) : {});
  const [, length] = entries.find(([name]) => name.toLowerCase() === 'content-length') ?? [];
  return Number(length) || 0;
}

function header({ responseHeaders }: KongEntry, name: string): string | undefined {
  const value = responseHeaders[name];
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'string' ? first : undefined;
}
