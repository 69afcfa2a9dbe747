/**
 * /api/v2/analytics/conversations/...: details and aggregates. Filters are accepted and have no effect. Pages of
 * details may be far larger than Genesys' 100, so that tests reach answers of 5 to 10 MB; large answers are kept, so
 * that only the first one costs time.
 */
import type { Models } from 'purecloud-platform-client-v2';
import { type Answer, badRequest, json } from '../answer.js';
import { conversationOfSlot, type Interval, slotsIn } from '../data/analytics.js';
import type { OrganizationData } from '../data/organization.js';
import { createRandom } from '../data/random.js';
import {
  type ApiRoute,
  type ApiServices,
  isJsonObject,
  type JsonObject,
  jsonObjectBody,
  optionalText,
  requiredText,
} from './route.js';

/** 1,500 conversations are about 10 MB. Genesys itself stops at 100. */
const MAX_DETAILS = 1500;
/** Genesys' longest interval of a details query. */
const MAX_DETAILS_DAYS = 31;
/** More buckets than this are refused, as Genesys refuses results that are too large. */
const MAX_BUCKETS = 2000;
const DAY_MS = 86_400_000;
/** Bodies that are kept; at 10 MB each this is the simulator's largest use of memory. */
const KEPT_BODIES = 4;

export function analyticsRoutes({ data }: ApiServices): ApiRoute[] {
  const kept = new Map<string, Buffer>();
  const keep = (key: string, make: () => Buffer): Answer => {
    let body = kept.get(key);
    if (body === undefined) {
      body = make();
      kept.set(key, body);
      const oldest = kept.keys().next().value;
      if (kept.size > KEPT_BODIES && oldest !== undefined) kept.delete(oldest);
    }
    return { status: 200, body };
  };

  return [
    {
      method: 'POST',
      path: '/api/v2/analytics/conversations/details/query',
      handle(request) {
        const body = jsonObjectBody(request);
        const interval = parseInterval(requiredText(body, 'interval'));
        if (interval.endMs - interval.startMs > MAX_DETAILS_DAYS * DAY_MS) {
          throw badRequest(`The interval may not be longer than ${MAX_DETAILS_DAYS} days.`, 'invalid.interval');
        }
        const paging = parsePagingSpec(body.paging);
        const descending = optionalText(body, 'order')?.toLowerCase() === 'desc';
        const key = [interval.startMs, interval.endMs, paging.pageSize, paging.pageNumber, descending].join(' ');
        return keep(key, () => Buffer.from(JSON.stringify(details(data, interval, paging, descending))));
      },
    },
    {
      method: 'POST',
      path: '/api/v2/analytics/conversations/aggregates/query',
      handle(request) {
        const body = jsonObjectBody(request);
        const interval = parseInterval(requiredText(body, 'interval'));
        const metrics = textList(body, 'metrics');
        if (metrics.length === 0) throw badRequest('At least one metric is required.', 'missing.field');
        const granularity = optionalText(body, 'granularity');
        const stepMs = granularity === undefined ? interval.endMs - interval.startMs : parseGranularity(granularity);
        if ((interval.endMs - interval.startMs) / stepMs > MAX_BUCKETS) {
          throw badRequest('The result would be too large; use a coarser granularity.', 'query.result.too.large');
        }
        return json(200, { results: aggregates(data, interval, stepMs, metrics, textList(body, 'groupBy')) });
      },
    },
  ];
}

function details(
  data: OrganizationData,
  interval: Interval,
  paging: Models.PagingSpec,
  descending: boolean,
): Models.AnalyticsConversationQueryResponse {
  const { first, count } = slotsIn(interval);
  const skip = (paging.pageNumber - 1) * paging.pageSize;
  const length = Math.max(0, Math.min(paging.pageSize, count - skip));
  // Genesys leaves the list out when nothing was found.
  if (length === 0) return { totalHits: count };
  const conversations = Array.from({ length }, (_, index) =>
    conversationOfSlot(descending ? first + count - 1 - skip - index : first + skip + index, data),
  );
  return { conversations, totalHits: count };
}

function aggregates(
  data: OrganizationData,
  interval: Interval,
  stepMs: number,
  metrics: readonly string[],
  groupBy: readonly string[],
): Models.ConversationAggregateDataContainer[] {
  const queueIds = groupBy.includes('queueId') ? [...data.queues.keys()].slice(0, 10) : [undefined];
  return queueIds.map((queueId) => {
    const group: Record<string, string> = { mediaType: 'voice' };
    if (queueId !== undefined) group.queueId = queueId;
    const buckets: Models.StatisticalResponse[] = [];
    for (let startMs = interval.startMs; startMs < interval.endMs; startMs += stepMs) {
      const endMs = Math.min(startMs + stepMs, interval.endMs);
      const count = Math.ceil(slotsIn({ startMs, endMs }).count / queueIds.length);
      const random = createRandom(`aggregate ${data.region} ${queueId ?? ''} ${startMs}`);
      buckets.push({
        interval: `${new Date(startMs).toISOString()}/${new Date(endMs).toISOString()}`,
        metrics: metrics.map((name) => ({ metric: name, stats: statistics(name, count, random.int(1_000, 90_000)) })),
      });
    }
    return { group, data: buckets };
  });
}

/** Times (`t...`) have a spread, everything else a count. */
function statistics(metric: string, count: number, meanMs: number): Models.StatisticalSummary {
  if (!metric.startsWith('t')) return { count };
  return { max: meanMs * 3, min: Math.floor(meanMs / 4), count, sum: meanMs * count };
}

/** @throws ApiError 400 unless it is an ISO 8601 interval of two instants, the first before the second */
export function parseInterval(text: string): Interval {
  const [start = '', end = '', rest] = text.split('/');
  const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$/;
  const read = (part: string): number =>
    instant.test(part) ? Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(part) ? part : `${part}Z`) : Number.NaN;
  const interval = { startMs: read(start), endMs: read(end) };
  if (rest !== undefined || !(interval.startMs < interval.endMs)) {
    throw badRequest(`The interval [${text.slice(0, 100)}] is not valid.`, 'invalid.interval');
  }
  return interval;
}

/** @throws ApiError 400 unless it is an ISO 8601 duration of whole days, hours or minutes */
function parseGranularity(text: string): number {
  const match = /^P(?:(\d{1,3})D|T(\d{1,4})H|T(\d{1,5})M)$/.exec(text);
  const ms = Number(match?.[1] ?? 0) * DAY_MS + Number(match?.[2] ?? 0) * 3_600_000 + Number(match?.[3] ?? 0) * 60_000;
  if (ms === 0) throw badRequest(`The granularity [${text.slice(0, 100)}] is not valid.`, 'invalid.granularity');
  return ms;
}

/** The paging object of an analytics query. */
function parsePagingSpec(value: unknown): Models.PagingSpec {
  if (value === undefined || value === null) return { pageSize: 25, pageNumber: 1 };
  if (!isJsonObject(value)) throw badRequest('The field paging must be an object.', 'invalid.value');
  const whole = (field: string, otherwise: number, max: number): number => {
    const number = value[field] ?? otherwise;
    if (typeof number !== 'number' || !Number.isInteger(number) || number < 1 || number > max) {
      throw badRequest(`The field paging.${field} must be a number between 1 and ${max}.`, 'invalid.value');
    }
    return number;
  };
  return { pageSize: whole('pageSize', 25, MAX_DETAILS), pageNumber: whole('pageNumber', 1, 1_000_000) };
}

/** The items of a list of text; none if the field is absent. @throws ApiError 400 if it is anything else */
export function textList(body: JsonObject, field: string): string[] {
  const value = body[field];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw badRequest(`The field ${field} must be a list of text.`, 'invalid.value');
  }
  return value;
}
