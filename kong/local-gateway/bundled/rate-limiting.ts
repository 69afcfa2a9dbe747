/**
 * Kong's rate-limiting with the policy local (kong/plugins/rate-limiting): fixed UTC windows, counted in this process.
 * A refused request is not counted.
 */
import type { Field } from '../../../plugins/shared/kong-schema/field.js';
import type { PluginEntity } from '../config/types.js';
import { toText } from '../headers.js';
import type { GatewayPlugin } from '../plugin.js';
import type { RequestContext } from '../request-context.js';
import { normalizePath } from '../uri.js';
import { errorAnswer } from './answers.js';
import { flag, headerName, protocolsHttp } from './fields.js';
import { headerValues } from './request-values.js';

/** Length of each window in seconds, in Kong's order. */
const WINDOWS = { second: 1, minute: 60, hour: 3600, day: 86_400, month: 2_592_000, year: 31_536_000 } as const;
type Period = keyof typeof WINDOWS;
const PERIODS = Object.keys(WINDOWS) as Period[];
/** Ended windows are dropped once there are this many counters. */
const MAX_COUNTERS = 10_000;

interface RateLimitingConfig extends Partial<Record<Period, number>> {
  limit_by: 'consumer' | 'credential' | 'ip' | 'service' | 'header' | 'path';
  header_name?: string;
  path?: string;
  hide_client_headers: boolean;
  error_code: number;
  error_message: string;
}

const limit: Field = { type: 'number', gt: 0 };
const LIMIT_BY = ['consumer', 'credential', 'ip', 'service', 'header', 'path'];

const FIELDS: GatewayPlugin['fields'] = [
  { protocols: protocolsHttp },
  {
    config: {
      type: 'record',
      fields: [
        ...PERIODS.map((period) => ({ [period]: limit })),
        { limit_by: { type: 'string', default: 'consumer', one_of: LIMIT_BY } },
        { header_name: headerName },
        {
          path: {
            type: 'string',
            starts_with: '/',
            match_none: [{ pattern: '//', err: 'must not have empty segments' }],
          },
        },
        {
          policy: {
            type: 'string',
            default: 'local',
            one_of: ['local'],
            err: 'the local gateway knows only the policy "local"',
          },
        },
        { fault_tolerant: flag(true) },
        { hide_client_headers: flag(false) },
        { error_code: { type: 'number', default: 429, gt: 0 } },
        { error_message: { type: 'string', default: 'API rate limit exceeded' } },
        { sync_rate: { type: 'number', required: true, default: -1 } },
      ],
    },
  },
];

interface Counter {
  count: number;
  endsAtMs: number;
}

/** Creates the plugin with its own counters. */
export function createRateLimiting(): GatewayPlugin {
  const counters = new Map<string, Counter>();
  return {
    name: 'rate-limiting',
    priority: 910,
    fields: FIELDS,
    entityChecks: [
      { at_least_one_of: PERIODS.map((period) => `config.${period}`) },
      requiredFor('header', 'config.header_name'),
      requiredFor('path', 'config.path'),
    ],
    *check(config) {
      const set = PERIODS.filter((period) => typeof config[period] === 'number');
      for (const [index, lower] of set.entries()) {
        const low = Number(config[lower]);
        const upper = set.slice(index + 1).find((period) => Number(config[period]) < low);
        if (upper === undefined) continue;
        yield `The limit for ${upper}(${Number(config[upper]).toFixed(1)}) cannot be lower than the limit for ${lower}(${low.toFixed(1)})`;
      }
      if (config.sync_rate !== -1) yield 'sync_rate can only be used with the redis policy';
    },
    access: (context, entity) => limitRequest(context, entity, counters),
  };
}

function requiredFor(limitBy: string, field: string): unknown {
  return {
    conditional: {
      if_field: 'config.limit_by',
      if_match: { eq: limitBy },
      then_field: field,
      then_match: { required: true },
    },
  };
}

function limitRequest(context: RequestContext, entity: PluginEntity, counters: Map<string, Counter>): void {
  const config = entity.config as unknown as RateLimitingConfig;
  const nowMs = Math.floor(Date.now() / 1000) * 1000;
  // Kong counts by the route and the service that the plugin is on, not by the plugin.
  const scope = JSON.stringify([entity.routeId, entity.serviceId, identifierOf(context, config)]);
  const usage = PERIODS.flatMap((period) => {
    const allowed = config[period];
    if (allowed === undefined) return [];
    const startMs = startOf(period, nowMs);
    const key = `${scope}:${startMs}:${period}`;
    const remaining = allowed - (counters.get(key)?.count ?? 0);
    return [{ period, allowed, remaining, key, elapsedSeconds: (nowMs - startMs) / 1000 }];
  });
  const isOver = usage.some(({ remaining }) => remaining <= 0);
  const shown = usage.map((window) => ({
    ...window,
    remaining: Math.max(0, isOver && window.remaining > 0 ? window.remaining : window.remaining - 1),
  }));
  // The client is told about the tightest window; of equal ones, the longest.
  const tightest = shown.reduce((best, next) => (next.remaining <= best.remaining ? next : best), shown[0] as Shown);
  const reset = Math.max(1, WINDOWS[tightest.period] - Math.floor(tightest.elapsedSeconds));
  if (!config.hide_client_headers) {
    const set = (name: string, value: number): void => context.early.set(name, [String(value)]);
    for (const { period, allowed, remaining } of shown) {
      const suffix = period.charAt(0).toUpperCase() + period.slice(1);
      set(`X-RateLimit-Limit-${suffix}`, allowed);
      set(`X-RateLimit-Remaining-${suffix}`, remaining);
    }
    set('RateLimit-Limit', tightest.allowed);
    set('RateLimit-Remaining', tightest.remaining);
    set('RateLimit-Reset', reset);
    if (isOver) set('Retry-After', reset);
  }
  if (isOver) {
    context.exit = errorAnswer(context, config.error_code, config.error_message);
    return;
  }
  for (const { key, period } of usage) count(counters, key, nowMs, WINDOWS[period] * 1000);
}

interface Shown {
  period: Period;
  allowed: number;
  remaining: number;
  elapsedSeconds: number;
}

function count(counters: Map<string, Counter>, key: string, nowMs: number, windowMs: number): void {
  if (counters.size > MAX_COUNTERS) {
    for (const [old, { endsAtMs }] of counters) if (endsAtMs <= nowMs) counters.delete(old);
  }
  const counter = counters.get(key) ?? { count: 0, endsAtMs: nowMs + windowMs };
  counter.count += 1;
  counters.set(key, counter);
}

/** Returns what a request is counted by, or the client's address if the request lacks it. */
function identifierOf(context: RequestContext, config: RateLimitingConfig): string {
  const path = toText(normalizePath(context.rawPath));
  const identifiers: Record<RateLimitingConfig['limit_by'], string | undefined> = {
    service: context.service.id,
    consumer: context.consumer?.id ?? context.credentialId,
    credential: context.credentialId,
    header: headerValues(context.headers, config.header_name ?? '')[0],
    path: path === config.path ? path : undefined,
    ip: undefined,
  };
  return identifiers[config.limit_by] ?? context.clientIp;
}

/** Returns when the window of a time began, in milliseconds. */
function startOf(period: Period, atMs: number): number {
  const date = new Date(atMs);
  if (period === 'year') return Date.UTC(date.getUTCFullYear(), 0);
  if (period === 'month') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
  const windowMs = WINDOWS[period] * 1000;
  return Math.floor(atMs / windowMs) * windowMs;
}
