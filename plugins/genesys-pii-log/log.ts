/**
 * The log phase: reads what Kong knows of the request, masks it, and hands it to the sinks. The client has its answer by
 * then. Every call is one that Kong carries out in this phase; whatever else goes wrong ends in an entry with less in it.
 */
import { type Effect, log as logLine } from '../runtime/effects.js';
import { type Reader, type Step, step } from '../runtime/step.js';
import { BodyTooLong } from '../shared/body-too-long.js';
import { parseMediaType } from '../shared/http/media-type.js';
import type { Credential, PdkValue } from '../shared/pdk.js';
import { type CapturedBody, HARD_LIMIT, type LoggedBody, WINDOW } from './body/body.js';
import { declaredKind } from './body/kind.js';
import { buildEntry, type EntryPolicy } from './entry/entry.js';
import { type KongEntry, parseKongEntry } from './entry/kong-entry.js';
import { type Format, toLine } from './entry/line.js';
import type { ExtraSearchTime } from './mask/search-time.js';
import type { Requests } from './requests.js';
import { RESPONSE_MARKER } from './response.js';
import type { Sink } from './sinks/sink.js';
import type { Totals } from './totals.js';

/** What the log phase of one configuration needs. */
export interface Log {
  requests: Requests;
  /** Under this key of `ctx.shared` the access phase left the request's id. */
  marker: string;
  totals: Totals;
  /** Bytes of answers that the process is masking. */
  work: { bytes: number };
  /** What slow patterns may take of the process. */
  extraSearchTime: ExtraSearchTime;
  policy: EntryPolicy;
  logsResponseBody: boolean;
  sampleRate: number;
  alwaysLogsErrors: boolean;
  format: Format;
  sinks: readonly Sink[];
  /** Uniform in [0, 1). */
  random: () => number;
  /** Of secrets that could not be read again. */
  takeWarning: () => string | undefined;
}

/** Marks an answer of the gateway's own in the place of the service's (genesys-response-filter, kong/plugin-server/failure.ts). */
const WITHHELD_HEADER = 'x-gateway-response';

/** Where Kong keeps the headers of a service whose answer it buffers, in nginx' context of the request (kong/init.lua). */
const BUFFERED_HEADERS = 'buffered_headers';

/** Answers of the service that are being masked hold no more memory than this; of more only the size is logged. */
const MAX_BYTES_IN_WORK = 64 * 1024 * 1024;

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
        const isLogged = await writeEntry(facts, log);
        log.totals.ended(isLogged ? 'logged' : 'sampled_out');
        return { effects: isLogged ? warningsOf(log) : [] };
      } catch (error) {
        log.totals.ended('failed');
        throw error;
      }
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

function warningsOf({ takeWarning, extraSearchTime, sinks }: Log): Effect[] {
  const warnings = [takeWarning(), extraSearchTime.takeWarning(), ...sinks.map((sink) => sink.takeWarning())];
  return warnings.flatMap((warning) => (warning === undefined ? [] : [logLine('warn', warning)]));
}

/** @returns whether there is an entry: not every request is to have one */
async function writeEntry(facts: Facts, log: Log): Promise<boolean> {
  const { id, wasBuffered, source, json, credential } = facts;
  const { work } = log;
  // A request that another plugin refused first has no mark.
  const request = typeof id === 'string' ? log.requests.end(id) : undefined;
  const entry = withoutContent(() => parseKongEntry(json));
  const isError = entry.status === undefined || entry.status >= 400;
  const isLogged = log.sampleRate >= 1 || (isError && log.alwaysLogsErrors) || log.random() < log.sampleRate;
  if (!isLogged) return false;
  const hasAnswer = log.logsResponseBody && wasBuffered === true && source !== 'error';
  const size = hasAnswer ? sizeOfAnswer(entry) : 0;
  work.bytes += size;
  try {
    const observed = {
      kong: entry,
      source,
      credentialId: credential?.id === '' ? undefined : credential?.id,
      requestBody: request?.wasDropped ? ({ truncated: true, omitted: 'overload' } as const) : request?.body,
      responseBody: hasAnswer ? await answerOf(facts, entry, size, work.bytes > MAX_BYTES_IN_WORK) : undefined,
    };
    const built = await buildEntry(observed, log.policy, log.extraSearchTime).catch(failWithoutContent);
    const line = withoutContent(() => toLine(built, log.format));
    for (const sink of log.sinks) sink.write(line);
    log.totals.masked(built.masked);
    return true;
  } finally {
    work.bytes -= size;
  }
}

/** What goes wrong reaches Kong's error log, and messages of errors may hold what was worked on: JSON.parse quotes it. */
function withoutContent<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    return failWithoutContent(error);
  }
}

function failWithoutContent(error: unknown): never {
  throw new Error(`no entry was written: ${error instanceof Error ? error.name : 'unknown error'}`);
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
): Promise<CapturedBody | LoggedBody | undefined> {
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
