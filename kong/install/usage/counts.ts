/**
 * What the gateway has counted, of one node or of several: the answers of `GET /usage` and `GET /usage/clients` by day,
 * asked for or read from files, checked, and added up. Pure.
 */
import { isPlainObject, type PlainObject } from '../../../plugins/shared/plain-object.js';
import { isDay, isMonth, monthsIn, type Span } from '../../../plugins/shared/use-counts/span.js';

/** Requests by day, or by month where days are no longer told apart. */
export type Days = Record<string, number>;

/** What one answer says. */
export interface Answer {
  consumers: { namespace: string; isShared: boolean; id: string; name: string; days: Days }[];
  clients: { id: string; days: Days }[];
  /** Whether the counts are of a process since it started. */
  isOfProcess: boolean;
}

/** What all nodes have counted. */
export interface Counted {
  consumers: { id: string; name: string; days: Days }[];
  /** Undefined if no node was asked about OAuth clients. */
  clients: { id: string; days: Days }[] | undefined;
  isOfProcess: boolean;
}

/**
 * Reads an answer.
 * @throws Error that says what is wrong, as the end of a sentence
 */
export function parseAnswer(text: string): Answer {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new Error('is not JSON');
  }
  if (isPlainObject(raw) && Array.isArray(raw.namespaces)) {
    return {
      consumers: raw.namespaces.flatMap(parseNamespace),
      clients: [],
      isOfProcess: raw.namespaces.some((one: unknown) => isPlainObject(one) && one.storage === 'memory'),
    };
  }
  if (isPlainObject(raw) && (Array.isArray(raw.clients) || raw.clients === null)) {
    const clients = listOf(raw, 'clients').map((one) => ({ id: textOf(one, 'client_id'), days: daysOf(one) }));
    return { consumers: [], clients, isOfProcess: raw.storage === 'memory' };
  }
  throw new Error('is no answer of GET /usage or GET /usage/clients');
}

function parseNamespace(raw: unknown): Answer['consumers'] {
  if (!isPlainObject(raw)) throw new Error('has a namespace that is none');
  const namespace = textOf(raw, 'namespace');
  return listOf(raw, 'consumers').map((one) => ({
    namespace,
    isShared: raw.storage === 'redis',
    id: textOf(one, 'id'),
    name: textOf(one, 'username'),
    days: daysOf(one),
  }));
}

function listOf(raw: PlainObject, field: string): PlainObject[] {
  const list = raw[field];
  // An unknown number is not zero.
  if (list === null) throw new Error(`has no counts: ${String(raw.error)}`);
  if (!Array.isArray(list) || !list.every(isPlainObject)) throw new Error(`has no ${field}`);
  return list;
}

function textOf(raw: PlainObject, field: string): string {
  const value = raw[field];
  if (typeof value !== 'string') throw new Error(`has no ${field}`);
  return value;
}

function daysOf({ days }: PlainObject): Days {
  if (!isPlainObject(days)) throw new Error('has no days: ask with by=day');
  const entries = Object.entries(days).map(([period, count]): [string, number] => {
    if (!(isDay(period) || isMonth(period)) || !Number.isSafeInteger(count)) throw new Error('has days that are none');
    return [period, Number(count)];
  });
  return Object.fromEntries(entries);
}

/**
 * Adds up answers, of each what lies in the span. What nodes share in Redis, each of them says: it counts once.
 */
export function addUp(answers: readonly Answer[], span: Span): Counted {
  const consumers = new Map<string, Counted['consumers'][number]>();
  const shared = new Map<string, Answer['consumers'][number]>();
  const clients = new Map<string, { id: string; days: Days }>();
  const addConsumer = ({ id, name, days }: Counted['consumers'][number]): void => {
    const key = JSON.stringify([id, name]);
    const known = consumers.get(key) ?? { id, name, days: {} };
    consumers.set(key, { ...known, days: sum(known.days, days) });
  };
  for (const one of answers.flatMap((answer) => answer.consumers)) {
    const days = within(one.days, span);
    const key = JSON.stringify([one.namespace, one.id, one.name]);
    if (one.isShared) shared.set(key, { ...one, days: highest(shared.get(key)?.days ?? {}, days) });
    else addConsumer({ ...one, days });
  }
  for (const one of shared.values()) addConsumer(one);
  for (const { id, days } of answers.flatMap((answer) => answer.clients)) {
    clients.set(id, { id, days: sum(clients.get(id)?.days ?? {}, within(days, span)) });
  }
  const hasClients = answers.some((answer) => answer.clients.length > 0);
  return {
    consumers: [...consumers.values()],
    clients: hasClients ? [...clients.values()] : undefined,
    isOfProcess: answers.some(({ isOfProcess }) => isOfProcess),
  };
}

function within(days: Days, span: Span): Days {
  const months = new Set(monthsIn(span));
  const isIn = (period: string): boolean =>
    isMonth(period) ? months.has(period) : span.since <= period && period <= span.until;
  return Object.fromEntries(Object.entries(days).filter(([period]) => isIn(period)));
}

function sum(a: Days, b: Days): Days {
  return combined(a, b, (x, y) => x + y);
}

function highest(a: Days, b: Days): Days {
  return combined(a, b, Math.max);
}

function combined(a: Days, b: Days, combine: (x: number, y: number) => number): Days {
  const all = { ...a };
  for (const [period, count] of Object.entries(b)) all[period] = combine(all[period] ?? 0, count);
  return all;
}
