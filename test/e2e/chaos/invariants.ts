/**
 * What must hold whatever breaks, each rule a pure function: records in, violations in words out, none if it holds. What
 * the simulators received, what clients got, what processes hold and what logs say are judged here and nowhere else.
 */
import { GATEWAY_ERRORS } from '../../../plugins/shared/gateway-error.js';

/** What a request of the load is meant to meet; see load.ts. */
export type Kind =
  | 'read'
  | 'large'
  | 'write'
  | 'regional'
  | 'short-token'
  | 'login'
  | 'no-key'
  | 'wrong-group'
  | 'over-quota'
  | 'broken'
  | 'aborted';

/** One request as its client saw it. Times in ms since the epoch. */
export interface Exchange {
  id: string;
  kind: Kind;
  method: string;
  startedAt: number;
  endedAt: number;
  /** `cut`: the connection ended without a whole answer. `left`: the client hung up. `unanswered`: it gave up waiting. */
  outcome: 'answered' | 'cut' | 'left' | 'unanswered';
  /** 0 without an answer. */
  status: number;
}

/** An answer as it came. */
export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** One request as a simulator received it; see kong/testbed/genesys-cloud/requests.ts. */
export interface Received {
  /** The region that received it. */
  region: string;
  /** Of the exchange, or empty: nobody of the load sent it. */
  exchangeId: string;
  method: string;
  query: string;
  headers: Record<string, string | string[]>;
  /** ms since the epoch. */
  at: number;
  status: number;
}

/** A token of a simulator. Times in ms since the epoch. */
export interface Token {
  region: string;
  ordinal: number;
  clientId: string;
  expiresAt: number;
}

/** A time in which something was broken on purpose. */
export interface Disruption {
  name: string;
  beganAt: number;
  /** When what was broken was in order again. */
  endedAt: number;
  /** Whether it may cost an answer that the service has given already. */
  losesAnswers: boolean;
  /** Whether it may cut connections of clients. */
  cutsConnections: boolean;
}

function overlaps(exchange: Pick<Exchange, 'startedAt' | 'endedAt'>, { beganAt, endedAt }: Disruption): boolean {
  return exchange.startedAt <= endedAt && exchange.endedAt >= beganAt;
}

/**
 * Requests that came without a valid bearer token of the simulator that received them. A token must have been valid at
 * some time while its request was in the gateway: one that is held up there (a stopped process) may carry it too long.
 * @param exchanges by id
 */
export function uninjected(
  received: readonly Received[],
  tokens: readonly Token[],
  exchanges: ReadonlyMap<string, Exchange>,
): string[] {
  const expiry = new Map(tokens.map(({ region, ordinal, expiresAt }) => [`${region} ${ordinal}`, expiresAt]));
  return received.flatMap(({ region, exchangeId, headers, at }) => {
    const ordinal = /^Bearer token #(\d+)$/.exec(String(headers.authorization ?? ''))?.[1];
    const expiresAt = expiry.get(`${region} ${ordinal}`);
    const exchange = exchanges.get(exchangeId);
    if (exchange === undefined) return [`${region} received a request that no client sent (${exchangeId})`];
    if (expiresAt === undefined) {
      return [`${exchangeId} (${exchange.kind}) came to ${region} with ${String(headers.authorization)}`];
    }
    if (expiresAt >= Math.min(at, exchange.startedAt)) return [];
    return [`${exchangeId} (${exchange.kind}) came with a token that expired before the request was made`];
  });
}

/**
 * Requests that carried a token of another OAuth client than their route has in that region, or came to a region to which
 * their route does not lead.
 * @param clientOf the OAuth client of a kind of request in a region; undefined: it never goes there
 */
export function inWrongRegion(
  received: readonly Received[],
  tokens: readonly Token[],
  exchanges: ReadonlyMap<string, Exchange>,
  clientOf: (kind: Kind, region: string) => string | undefined,
): string[] {
  const owners = new Map(tokens.map(({ region, ordinal, clientId }) => [`${region} ${ordinal}`, clientId]));
  return received.flatMap(({ region, exchangeId, headers }) => {
    const kind = exchanges.get(exchangeId)?.kind;
    const wanted = kind === undefined ? undefined : clientOf(kind, region);
    if (wanted === undefined) return [`${exchangeId} (${kind}) came to ${region}, to which it does not lead`];
    const ordinal = /^Bearer token #(\d+)$/.exec(String(headers.authorization ?? ''))?.[1];
    const owner = owners.get(`${region} ${ordinal}`);
    return owner === wanted
      ? []
      : [`${exchangeId} (${kind}) came to ${region} with a token of ${owner}, not ${wanted}`];
  });
}

/** Headers that tell the service who called, or with what: none may leave the gateway (genesys-token-manager's README). */
const CALLER_HEADERS = new Set([
  ...['apikey', 'cookie', 'proxy-authorization', 'x-consumer-id', 'x-consumer-custom-id', 'x-consumer-username'],
  ...['x-consumer-groups', 'x-credential-identifier', 'x-credential-username', 'x-anonymous-consumer'],
  ...['x-authenticated-groups', 'x-authenticated-scope', 'x-authenticated-userid'],
]);

/**
 * Requests that brought the service what the client authenticates with.
 * @param secrets parts of the clients' credentials
 */
export function forwardedCredentials(received: readonly Received[], secrets: readonly string[]): string[] {
  return received.flatMap(({ exchangeId, headers, query }) => {
    const names = Object.keys(headers).filter((name) => CALLER_HEADERS.has(name.toLowerCase()));
    const text = `${JSON.stringify(headers)}?${query}`;
    const found = secrets.filter((secret) => text.includes(secret));
    return [...names, ...found].map((what) => `${exchangeId} brought ${what} to the service`);
  });
}

/** Fields in an answer that the filter does not let through. @param fields texts that stand in every unfiltered answer */
export function unfilteredFields(answer: Answer, fields: readonly string[]): string[] {
  return fields.filter((field) => answer.body.includes(field)).map((field) => `an answer holds ${field}`);
}

/**
 * More requests than a limit with `policy: redis`, `on_redis_error: local` and fixed windows promises
 * (plugins/genesys-quota/README.md): `limit` x (1 + losses of Redis) in a window, and while Redis is away `limit` for
 * each process that counts for itself.
 */
export function overAdmitted(count: {
  admitted: number;
  limit: number;
  /** Windows that the run touched. */
  windows: number;
  redisLosses: number;
  /** Processes of genesys-quota, one after the other or at once. */
  processLives: number;
}): string[] {
  const { admitted, limit, windows, redisLosses, processLives } = count;
  const bound = limit * windows * (1 + redisLosses + processLives);
  return admitted <= bound ? [] : [`${admitted} requests were let through, ${bound} are promised`];
}

/** Personal data that a log shows. @param markers texts that no log may hold, compared without regard to case */
export function leakedPersonalData(log: string, markers: readonly string[]): string[] {
  const text = log.toLowerCase();
  return markers.flatMap((marker) => {
    const at = text.indexOf(marker.toLowerCase());
    return at < 0 ? [] : [`a log holds ${marker}: ...${log.slice(Math.max(0, at - 80), at + 40)}...`];
  });
}

/** Clients that got no answer in time, or whose connection was cut by something else than what may cut it. */
export function notAnswered(
  exchanges: readonly Exchange[],
  boundMs: number,
  disruptions: readonly Disruption[],
): string[] {
  const cutting = disruptions.filter(({ cutsConnections }) => cutsConnections);
  return exchanges.flatMap((exchange) => {
    const { id, kind, outcome, startedAt, endedAt } = exchange;
    const ms = endedAt - startedAt;
    if (outcome === 'unanswered' || ms > boundMs) return [`${id} (${kind}) waited ${ms} ms, ${boundMs} are allowed`];
    if (outcome !== 'cut' || cutting.some((disruption) => overlaps(exchange, disruption))) return [];
    return [`${id} (${kind}) lost its connection after ${ms} ms`];
  });
}

/** What an answer is by its body. */
type Form = 'content' | 'gateway' | 'kong' | 'service' | 'oauth' | 'unknown';

interface Body {
  form: Form;
  code: string | undefined;
}

/** Tells our error bodies, Kong's, the service's and content apart. */
function formOf({ status, body }: Answer): Body {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return { form: 'unknown', code: undefined };
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return { form: 'unknown', code: undefined };
  const { code, request_id: id, message, contextId } = parsed as Record<string, unknown>;
  if (typeof code === 'string' && Object.hasOwn(GATEWAY_ERRORS, code)) {
    const isWhole = ['message', 'code', 'status', 'contextId', 'details', 'errors'].every((key) =>
      Object.hasOwn(parsed as object, key),
    );
    return { form: isWhole && contextId !== '' ? 'gateway' : 'unknown', code };
  }
  if (typeof id === 'string' && typeof message === 'string') return { form: 'kong', code: undefined };
  if (typeof (parsed as { error?: unknown }).error === 'string') return { form: 'oauth', code: undefined };
  if (status >= 400) return { form: typeof code === 'string' ? 'service' : 'unknown', code: undefined };
  return { form: 'content', code: undefined };
}

const CONTENT: Partial<Record<Kind, readonly number[]>> = {
  read: [200],
  large: [200],
  write: [201],
  regional: [200],
  'short-token': [200],
  login: [200],
  'over-quota': [200],
  aborted: [200, 201],
};

/**
 * Codes that trouble may bring. `gateway.plugin.error` is none of them: it says that a handler threw, and none may throw
 * for what is broken around it.
 */
const CODES_IN_TROUBLE = new Set([
  'gateway.token.unavailable',
  'gateway.upstream.unavailable',
  'gateway.plugin.timeout',
]);

/** Answers of the service that may break off within their body: by a fault that the suite sets, or as they are long. */
const BREAKS_OFF: ReadonlySet<Kind> = new Set(['broken', 'write', 'large']);

/** Of the service, filtered: faults that the suite sets, and a token that expired while its request was held up. */
const STATUSES_OF_SERVICE = new Set([401, 500, 503]);

/** Kong's own: a plugin server that is not there (500), a service that cannot be reached, breaks off or is silent. */
const STATUSES_OF_KONG = new Set([500, 502, 503, 504]);

/** An answer that is none of the designed ones for this kind of request. */
export function undesigned(kind: Kind, answer: Answer): string[] {
  const { status } = answer;
  const { form, code } = formOf(answer);
  const wrong = [`${kind}: ${status} ${form} ${code ?? ''} ${answer.body.slice(0, 120)}`];
  // Nothing that breaks behind them changes the answers of Kong's own authentication.
  if (kind === 'no-key') return form === 'kong' && status === 401 ? [] : wrong;
  if (kind === 'wrong-group') return form === 'kong' && status === 403 ? [] : wrong;
  switch (form) {
    case 'content':
      return CONTENT[kind]?.includes(status) ? [] : wrong;
    case 'kong':
      // A service that breaks off within its body leaves its status and Kong's body (measured on Kong 3.9.3).
      return STATUSES_OF_KONG.has(status) || (BREAKS_OFF.has(kind) && status < 300) ? [] : wrong;
    case 'service':
      return STATUSES_OF_SERVICE.has(status) ? [] : wrong;
    case 'gateway':
      return isGatewayAnswer(kind, status, code ?? '', answer.headers) ? [] : wrong;
    default:
      return wrong;
  }
}

function isGatewayAnswer(kind: Kind, status: number, code: string, headers: Answer['headers']): boolean {
  const isBlocked = headers['x-gateway-response'] === 'blocked';
  const isOwnStatus = GATEWAY_ERRORS[code as keyof typeof GATEWAY_ERRORS] === status;
  // A write that the service has done keeps the service's status.
  if (!isOwnStatus && !(isBlocked && status < 300 && kind === 'write')) return false;
  if (CODES_IN_TROUBLE.has(code)) return true;
  if (code === 'gateway.response.blocked') return isBlocked && (kind === 'broken' || kind === 'aborted');
  return code === 'gateway.quota.exceeded' && kind === 'over-quota' && headers['retry-after'] !== undefined;
}

/**
 * Writes that a service has done and whose clients were told 5xx, but for what no plugin can prevent: a plugin server that
 * dies after the service has answered (docs/limits.md), and a way to the service that breaks then.
 * @param received by exchange
 */
export function failedThoughDone(
  exchanges: readonly Exchange[],
  received: ReadonlyMap<string, readonly Received[]>,
  disruptions: readonly Disruption[],
): string[] {
  const losing = disruptions.filter(({ losesAnswers }) => losesAnswers);
  return exchanges.flatMap((exchange) => {
    const { id, method, status } = exchange;
    if (method !== 'POST' || status < 500) return [];
    const wasDone = received.get(id)?.some((request) => request.status >= 200 && request.status < 300) ?? false;
    if (!wasDone || losing.some((disruption) => overlaps(exchange, disruption))) return [];
    const last = disruptions.findLast(({ beganAt }) => beganAt <= exchange.endedAt);
    const at = last && `${last.name}, ${exchange.endedAt - last.beganAt} ms after its beginning`;
    return [`${id} was done by the service, and answered ${status} (${at})`];
  });
}

/** Writes that a service did more than once: nobody repeats them but their client. */
export function doneTwice(received: ReadonlyMap<string, readonly Received[]>): string[] {
  return [...received].flatMap(([id, requests]) => {
    const writes = requests.filter(({ method, status }) => method === 'POST' && status >= 200 && status < 300);
    return writes.length > 1 ? [`${id} was done ${writes.length} times`] : [];
  });
}

/** Kinds of which every request succeeds when nothing is broken. */
export const ALLOWED_KINDS = ['read', 'large', 'write', 'regional', 'short-token', 'login'] as const satisfies Kind[];

/** Whether a request got what it asked for. */
export function isServed({ kind, outcome, status }: Pick<Exchange, 'kind' | 'outcome' | 'status'>): boolean {
  return outcome === 'answered' && (CONTENT[kind]?.includes(status) ?? false);
}

/**
 * Requests that failed although all was in order for longer than a return may take.
 * @param allowedMs how long after a disruption's end requests may still fail
 * @param until when the load ended
 */
export function failedInCalm(
  exchanges: readonly Exchange[],
  disruptions: readonly Disruption[],
  allowedMs: (disruption: Disruption) => number,
  until: number,
): string[] {
  const calms = disruptions.map((disruption, index) => ({
    after: disruption.name,
    from: disruption.endedAt + allowedMs(disruption),
    to: disruptions[index + 1]?.beganAt ?? until,
  }));
  const allowed = exchanges.filter(({ kind }) => (ALLOWED_KINDS as readonly Kind[]).includes(kind));
  return allowed.flatMap((exchange) => {
    const calm = calms.find(({ from, to }) => exchange.startedAt > from && exchange.endedAt < to);
    if (calm === undefined || isServed(exchange)) return [];
    return [
      `${exchange.id} (${exchange.kind}) got ${exchange.status}, ${exchange.startedAt - calm.from} ms late (${calm.after})`,
    ];
  });
}

/** How long service took to return after what was broken was in order again. */
export interface Return {
  /** Of the disruption. */
  name: string;
  kind: Kind;
  ms: number;
  allowedMs: number;
}

/** Returns that took longer than they may. */
export function lateReturns(returns: readonly Return[]): string[] {
  return returns
    .filter(({ ms, allowedMs }) => ms > allowedMs)
    .map(
      ({ name, kind, ms, allowedMs }) =>
        `${name}: ${kind} came back after ${Math.round(ms)} ms, ${allowedMs} are allowed`,
    );
}

/** What the processes and folders of a gateway hold while nothing is asked of it. */
export interface Holdings {
  /** By plugin; several processes of one plugin are added up. */
  processes: Record<string, { count: number; openFiles: number; residentMb: number }>;
  /** Paths of sockets and temporary files. */
  files: string[];
}

/** What is left behind after a run. */
export function leftBehind(
  before: Holdings,
  after: Holdings,
  bounds: { moreOpenFiles: number; moreResidentMb: number },
): string[] {
  const known = new Set(before.files);
  const files = after.files.filter((path) => !known.has(path)).map((path) => `${path} was left behind`);
  const processes = Object.entries(before.processes).flatMap(([name, level]) => {
    const now = after.processes[name] ?? { count: 0, openFiles: 0, residentMb: 0 };
    const [openFiles, memory] = [level.openFiles + bounds.moreOpenFiles, level.residentMb + bounds.moreResidentMb];
    return [
      ...(now.count === level.count ? [] : [`${name}: ${now.count} processes, not ${level.count}`]),
      ...(now.openFiles <= openFiles ? [] : [`${name}: ${now.openFiles} open files, ${openFiles} are allowed`]),
      ...(now.residentMb <= memory
        ? []
        : [`${name}: ${now.residentMb.toFixed(0)} MB, ${memory.toFixed(0)} are allowed`]),
    ];
  });
  return [...files, ...processes];
}
