/**
 * Reads what limits need to know about a request, in one round trip, and returns what it asks of each limit. Only what
 * a limit uses is read, and the consumer, whose use is counted.
 */
import { hash } from 'node:crypto';
import type { Reader } from '../../runtime/step.js';
import { forwardedMethod } from '../../shared/forwarded-method.js';
import { routeOf } from '../../shared/genesys-route.js';
import { readGuarded } from '../../shared/http/request-guard.js';
import { servicePath } from '../../shared/path-pattern.js';
import type { Callers, Config, Division, Identity, Limit, Priority, Scope } from '../config.js';
import type { Consumer } from '../usage.js';
import type { Check, WindowCheck } from './counting.js';
import { mostCost, type Reserved } from './shares.js';

/** What a configuration reads from its requests. */
export type ReadPlan = ReturnType<typeof planReads>;

/** A consumer, with what limits may know it by. */
type Caller = Consumer & { tags?: readonly string[] };

/** What was read. A value is undefined if it was not read or does not exist. */
export interface RequestFacts {
  method: string | undefined;
  /** All lines of the Connection header. */
  connection: string;
  /** The URI that is sent to the service, as nginx gives it. */
  upstreamUri: string;
  query: URLSearchParams | undefined;
  consumer: Caller | undefined;
  credentialId: string | undefined;
  ip: string | undefined;
  headers: ReadonlyMap<string, string>;
}

/** Returns what the limits of a configuration need to read. */
export function planReads({ limits, concurrent, spike }: Pick<Config, 'limits' | 'concurrent' | 'spike'>) {
  const scopes = [...limits, ...concurrent];
  const identities = [...scopes, ...(spike ? [spike] : [])].map(({ identity }) => identity);
  const divisions = scopes.flatMap((limit) => limit.divisions);
  const uses = (by: Identity['by'] | Division): boolean =>
    identities.some((identity) => identity.by === by) || divisions.some((division) => division === by);
  return {
    method: uses('method') || scopes.some(({ methods }) => methods !== undefined),
    query: uses('query') || limits.some(({ costByQuery }) => costByQuery !== undefined),
    credential: uses('credential'),
    ip: uses('ip'),
    headers: [...new Set(identities.flatMap((identity) => (identity.by === 'header' ? identity.name : [])))],
  };
}

/** Reads what the plan lists from a request. */
export async function readRequest(event: Reader, plan: ReadPlan): Promise<RequestFacts> {
  const [connection, upstreamUri, method, query, consumer, credential, ip, ...headers] = await Promise.all([
    ...readGuarded(event),
    plan.method ? event.request.getMethod() : undefined,
    plan.query ? event.request.getRawQuery() : undefined,
    event.client.getConsumer(),
    plan.credential ? event.client.getCredential() : undefined,
    plan.ip ? event.client.getForwardedIp() : undefined,
    ...plan.headers.map((name) => event.request.getHeader(name)),
  ]);
  const values = new Map<string, string>();
  for (const [index, name] of plan.headers.entries()) {
    const value = headers[index];
    if (value !== undefined) values.set(name, value);
  }
  return {
    connection,
    upstreamUri,
    method: method === undefined ? undefined : forwardedMethod(method),
    query: query === undefined ? undefined : new URLSearchParams(query),
    consumer,
    credentialId: credential?.id,
    ip,
    headers: values,
  };
}

/**
 * Returns what a request asks of the limits that apply to it.
 * @param mode those that may refuse, or those that only report
 * @param place what names the request among those in flight
 */
export function checksOf(
  config: Config,
  request: RequestFacts,
  mode: Config['mode'] = 'enforce',
  place: string = '',
): Check[] {
  const { limits, concurrent, maxIdentities } = config;
  const spike = config.mode === mode ? config.spike : undefined;
  const path = config.usesPaths ? servicePath(request.upstreamUri) : '';
  const checks: Check[] = [];
  for (const limit of limits) {
    if (!applies(limit, config.mode, mode, request, path)) continue;
    const reserved = reservedOf(limit, request.consumer);
    const cost = costOf(limit, request.query);
    checks.push({
      kind: limit.algorithm,
      name: limit.name,
      group: limit.group,
      id: dividedIdOf(limit, request),
      maxIdentities: limit.identity.by === 'global' && limit.divisions.length === 0 ? 0 : maxIdentities,
      limit: limit.limit,
      windowMs: limit.windowMs,
      shiftMs: limit.shiftMs,
      cost: reserved === undefined ? cost : Math.min(cost, mostCost(reserved, limit.limit)),
      warn: warnOf(limit, request.consumer),
      who: whoOf(limit.identity, request.consumer),
      isBudget: limit.isBudget,
      reserved,
    });
  }
  for (const limited of concurrent) {
    if (!applies(limited, config.mode, mode, request, path)) continue;
    const { name, group, limit, ttlMs } = limited;
    checks.push({
      kind: 'concurrent',
      name,
      group,
      id: dividedIdOf(limited, request),
      maxIdentities: 0,
      limit,
      ttlMs,
      place,
    });
  }
  if (spike !== undefined) {
    const { group, identity, emissionUs, burst } = spike;
    const id = idOf(identity, request);
    const most = identity.by === 'global' ? 0 : maxIdentities;
    const who = whoOf(identity, request.consumer);
    checks.push({ kind: 'spike', name: 'spike arrest', group, id, maxIdentities: most, who, emissionUs, burst });
  }
  return checks;
}

/** Returns whether a limit is of a mode, and concerns a request. */
function applies(
  limit: Scope,
  configured: Config['mode'],
  mode: Config['mode'],
  { consumer, method }: RequestFacts,
  path: string,
): boolean {
  const own = configured === 'report' ? 'report' : limit.mode;
  return own === mode && isFor(limit, consumer) && concerns(limit, method, path);
}

/** Returns how a request may wait, if its consumer is named. */
export function priorityOf({ priorities }: Config, { consumer }: RequestFacts): Priority | undefined {
  return priorities.find(({ callers }) => isNamed(callers, consumer));
}

/** Returns when to warn, and of whom: an identity that a client chose, or an address, is not for a log. */
function warnOf({ warnAt, identity }: Limit, consumer: Caller | undefined): WindowCheck['warn'] {
  if (warnAt === undefined) return undefined;
  return { percent: warnAt, who: identity.by === 'consumer' ? consumer?.username || consumer?.id || '' : '' };
}

/** Returns whose counter it is: of an identity that a client chose, or of an address, nothing. */
function whoOf({ by }: Identity, consumer: Caller | undefined): string | undefined {
  if (by === 'global') return 'everyone';
  return by === 'consumer' ? consumer?.username || consumer?.id || 'no consumer' : undefined;
}

/** Returns whether a limit is for a consumer: it is named, and no limit of the same name comes first. */
function isFor({ callers, others }: Scope, consumer: Caller | undefined): boolean {
  if (callers !== undefined && !isNamed(callers, consumer)) return false;
  return !others.some((other) => isNamed(other, consumer));
}

function isNamed({ consumers, tags }: Callers, consumer: Caller | undefined): boolean {
  if (consumer === undefined) return false;
  if (consumers.has(consumer.username) || consumers.has(consumer.id)) return true;
  return consumer.tags?.some((tag) => tags.has(tag)) ?? false;
}

/** Returns the shares of a limit, and which of them is the consumer's. */
function reservedOf({ reserved }: Limit, consumer: Caller | undefined): Reserved | undefined {
  if (reserved.length === 0) return undefined;
  const own = reserved.findIndex(({ callers }) => isNamed(callers, consumer));
  return { shares: reserved.map(({ amount }) => amount), own };
}

function concerns({ methods, paths }: Scope, method: string | undefined, path: string): boolean {
  if (methods !== undefined && !methods.has(method ?? '')) return false;
  return paths === undefined || paths.some((pattern) => pattern.matches(path));
}

/**
 * Returns the cost of a request, at most the limit. If the parameter is repeated, its largest value counts, since a
 * service may take any of them. If it is absent or not a number, it asks for one portion. Digits of another script,
 * which Java reads as numbers, cost all of the limit: nobody needs them.
 */
function costOf({ cost, costByQuery, limit }: Limit, query: URLSearchParams | undefined): number {
  if (costByQuery === undefined) return cost;
  const asked = (query?.getAll(costByQuery.name) ?? []).map(askedFor).filter((value) => value > 0);
  const portions = Math.max(1, ...asked.map((value) => Math.ceil(value / costByQuery.per)));
  return Math.min(limit, cost * portions);
}

function askedFor(value: string): number {
  return /(?![0-9])\p{Nd}/u.test(value) ? Number.POSITIVE_INFINITY : Number(value);
}

/** Returns the id of a combination. What a request lacks is a value too, so it never gets the budget of another one. */
function dividedIdOf({ identity, divisions }: Scope, request: RequestFacts): string {
  const id = idOf(identity, request);
  if (divisions.length === 0) return id;
  return digestOf(JSON.stringify([id, ...divisions.map((division) => divisionValue(division, request))]));
}

function divisionValue(division: Division, request: RequestFacts): string {
  if (division === 'path') return routeOf(request.upstreamUri);
  return (division === 'method' ? request.method : identityValue({ by: division }, request)) ?? '';
}

function digestOf(value: string): string {
  return hash('sha256', value, 'base64url').slice(0, 22);
}

/**
 * Returns a digest of the identity, empty if the request lacks it. A digest, because counters may be in Redis and an
 * identity may be an address or a telephone number.
 */
function idOf(identity: Identity, request: RequestFacts): string {
  const value = identityValue(identity, request);
  return value === undefined || value === '' ? '' : digestOf(value);
}

function identityValue(identity: Identity, request: RequestFacts): string | undefined {
  switch (identity.by) {
    case 'global':
      return undefined;
    case 'consumer':
      return request.consumer?.id;
    case 'credential':
      return request.credentialId;
    case 'ip':
      return request.ip;
    case 'header':
      return request.headers.get(identity.name);
    case 'query': {
      // A service may take any of several values, so they get no budget of their own.
      const values = request.query?.getAll(identity.name) ?? [];
      return values.length === 1 ? values[0] : undefined;
    }
  }
}
