/** Sets our counts next to Genesys', says what does not agree, and what will be. Pure. */
import { DAY_MS, type Span } from '../../../plugins/shared/use-counts/span.js';
import type { Counted, Days } from './counts.js';
import type { GenesysReport } from './genesys-report.js';

export interface Question {
  span: Span;
  nowMs: number;
  counted: Counted;
  /** Undefined if Genesys was not asked. */
  genesys: GenesysReport | undefined;
  /** Requests that are paid for already, in the span. */
  allocation: number | undefined;
  /** Of a request beyond the allocation. */
  price: number | undefined;
  /** Differences up to so many percent are no finding. */
  tolerancePercent: number;
}

export interface ConsumerLine {
  id: string;
  name: string;
  requests: number;
  /** Of all requests of the organisation. */
  sharePercent: number;
  /** Of what is beyond the allocation at the end. */
  cost: number | undefined;
}

export interface ClientLine {
  id: string;
  name: string;
  /** Until the last day that Genesys has; undefined if the side has not counted it. */
  gateway: number | undefined;
  genesys: number | undefined;
  difference: number | undefined;
  differencePercent: number | undefined;
}

export interface UsageReport {
  span: Span;
  /** The last day that is compared. */
  comparedUntil: string | undefined;
  consumers: ConsumerLine[];
  clients: ClientLine[];
  /** What was sent to Genesys without a gateway; undefined if Genesys was not asked. */
  elsewhere: { requests: number; sharePercent: number; cost: number | undefined } | undefined;
  /** Genesys' count, and ours of the days that it does not have. */
  used: number;
  forecast: Forecast | undefined;
  findings: string[];
}

export interface Forecast {
  /** False if the span has ended: what was used is what it is. */
  isRunning: boolean;
  atEnd: number;
  allocation: number | undefined;
  /** The day on which the allocation will be used up at this rate; undefined if it will not, or was not given. */
  usedUpOn: string | undefined;
  cost: number | undefined;
}

export function makeReport(question: Question): UsageReport {
  const { span, counted, genesys, nowMs } = question;
  const clients = compare(question);
  const ours = total(counted.consumers);
  const sent = counted.clients === undefined ? ours : total(counted.clients);
  const since = genesys === undefined ? sent : after(counted.clients ?? counted.consumers, genesys.until);
  const used = genesys === undefined ? sent : total(genesys.clients) + since;
  const forecast = foresee(question, used);
  const share = (requests: number): { sharePercent: number; cost: number | undefined } => ({
    sharePercent: used === 0 ? 0 : round((requests / used) * 100),
    cost: forecast?.cost === undefined || used === 0 ? undefined : round((forecast.cost * requests) / used),
  });
  const elsewhere = Math.max(0, used - ours);
  return {
    span,
    comparedUntil: genesys?.until,
    consumers: counted.consumers
      .map(({ id, name, days }) => ({ id, name, requests: sumOf(days), ...share(sumOf(days)) }))
      .sort((a, b) => b.requests - a.requests || (a.name < b.name ? -1 : 1)),
    clients,
    elsewhere: genesys && { requests: elsewhere, ...share(elsewhere) },
    used,
    forecast,
    findings: [
      ...disagreements(question, clients),
      ...doubts(question, ours, sent),
      ...warnings(forecast, span, nowMs),
    ],
  };
}

/** Lists the clients of both sides, with the counts of the days that Genesys has. */
function compare({ counted, genesys }: Question): ClientLine[] {
  const names = new Map(genesys?.clients.map(({ id, name }) => [id, name]));
  const theirs = new Map(genesys?.clients.map(({ id, days }) => [id, sumOf(days)]));
  const ours = new Map(
    counted.clients?.map(({ id, days }) => [id, genesys === undefined ? sumOf(days) : upTo(days, genesys.until)]),
  );
  return [...new Set([...theirs.keys(), ...ours.keys()])]
    .map((id) => {
      const [gateway, reported] = [ours.get(id), theirs.get(id)];
      const difference = gateway === undefined || reported === undefined ? undefined : gateway - reported;
      return {
        id,
        name: names.get(id) ?? '',
        gateway,
        genesys: reported,
        difference,
        differencePercent: difference === undefined ? undefined : percentOf(difference, gateway ?? 0, reported ?? 0),
      };
    })
    .sort((a, b) => (b.genesys ?? b.gateway ?? 0) - (a.genesys ?? a.gateway ?? 0) || (a.id < b.id ? -1 : 1));
}

function disagreements({ genesys, counted, tolerancePercent }: Question, clients: readonly ClientLine[]): string[] {
  if (genesys === undefined) return [];
  if (counted.clients === undefined) return ['No node said which OAuth clients it used: nothing is compared.'];
  const apart = clients.flatMap(({ id, gateway, genesys: reported, difference = 0, differencePercent = 0 }) => {
    if (gateway === undefined) return [];
    if (reported === undefined) {
      return gateway === 0
        ? []
        : [`${id}: ${gateway} requests here, and none in Genesys' report: is it of this organisation?`];
    }
    if (Math.abs(differencePercent) <= tolerancePercent) return [];
    const size = `${Math.abs(difference)} (${Math.abs(differencePercent)} %)`;
    return difference < 0
      ? [
          `${id}: Genesys counted ${size} more: a node is missing here, a process lost its counts, requests were repeated, or the client is used past the gateway.`,
        ]
      : [`${id}: Genesys counted ${size} fewer: requests with a token did not reach it, or its report is late.`];
  });
  const others = clients.filter(({ gateway, genesys: reported }) => gateway === undefined && (reported ?? 0) > 0);
  const past = others.reduce((sum, { genesys: reported = 0 }) => sum + reported, 0);
  return [
    ...apart,
    ...(others.length === 0
      ? []
      : [
          `${others.length} OAuth client${others.length === 1 ? '' : 's'} with ${past} requests did not come through this gateway.`,
        ]),
    ...(genesys.isCut ? ["Genesys' report is longer than what it answered: its numbers are too low."] : []),
  ];
}

/** Returns what about our own numbers is not certain. */
function doubts({ counted, genesys, tolerancePercent }: Question, ours: number, sent: number): string[] {
  const isApart = counted.clients !== undefined && Math.abs(percentOf(ours - sent, ours, sent)) > tolerancePercent;
  return [
    ...(genesys === undefined ? ['Genesys was not asked: the numbers are those of the gateway.'] : []),
    ...(isApart
      ? [
          `Consumers made ${ours} requests, and ${sent} got a token: some routes have only one of genesys-quota and genesys-token-manager.`,
        ]
      : []),
    ...(counted.isOfProcess
      ? ['Some counts are of a process since it started: policy: redis, or --state-dir, keeps them.']
      : []),
  ];
}

function warnings(forecast: Forecast | undefined, { until }: Span, nowMs: number): string[] {
  const { usedUpOn, allocation } = forecast ?? {};
  if (usedUpOn === undefined || allocation === undefined) return [];
  const isPast = Date.parse(usedUpOn) + DAY_MS <= nowMs;
  return isPast
    ? [`The allocation of ${allocation} is used up since about ${usedUpOn}.`]
    : [`At this rate the allocation of ${allocation} is used up on ${usedUpOn}, before ${until}.`];
}

/** Goes on as since the span began. @returns undefined before it does */
function foresee({ span, nowMs, allocation, price }: Question, used: number): Forecast | undefined {
  const [beginsMs, endsMs] = [Date.parse(span.since), Date.parse(span.until) + DAY_MS];
  if (nowMs <= beginsMs) return undefined;
  const elapsedMs = Math.min(nowMs, endsMs) - beginsMs;
  const atEnd = Math.round((used * (endsMs - beginsMs)) / elapsedMs);
  const isBeyond = allocation !== undefined && atEnd > allocation;
  const usedUpMs = isBeyond ? beginsMs + (elapsedMs * allocation) / used : undefined;
  const beyond = allocation === undefined ? undefined : Math.max(0, atEnd - allocation);
  return {
    isRunning: nowMs < endsMs,
    atEnd,
    allocation,
    usedUpOn: usedUpMs === undefined ? undefined : new Date(usedUpMs).toISOString().slice(0, 10),
    cost: beyond === undefined || price === undefined ? undefined : round(beyond * price),
  };
}

function sumOf(days: Days): number {
  return Object.values(days).reduce((sum, count) => sum + count, 0);
}

function upTo(days: Days, until: string): number {
  return sumOf(Object.fromEntries(Object.entries(days).filter(([day]) => day <= until)));
}

function total(counts: readonly { days: Days }[]): number {
  return counts.reduce((sum, { days }) => sum + sumOf(days), 0);
}

function after(counts: readonly { days: Days }[], until: string): number {
  return counts.reduce((sum, { days }) => sum + sumOf(days) - upTo(days, until), 0);
}

function percentOf(difference: number, a: number, b: number): number {
  const larger = Math.max(Math.abs(a), Math.abs(b));
  return larger === 0 ? 0 : round((difference / larger) * 100);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
