/**
 * Turns Kong's raw configuration into what the plugin works with. Every mistake is refused here, with the path of its
 * field, so the rest of the plugin does not check again.
 */
import type { Host } from '../shared/host.js';
import { ConfigError } from '../shared/kong-schema/config-error.js';
import { type ConfigOf, parseConfig } from '../shared/kong-schema/parse-config.js';
import { compilePathPattern, type PathPattern } from '../shared/path-pattern.js';
import { property } from '../shared/property.js';
import { type RedisSettings, readRedisSettings } from '../shared/redis/settings.js';
import { Schema } from './schema.js';

/** What a limit counts requests by. Each consumer, for example, has its own budget. */
export type Identity =
  | { by: 'consumer' | 'credential' | 'ip' | 'global' }
  /** `name` is lower case for a header, and as configured for a query parameter. */
  | { by: 'header' | 'query'; name: string };

/** What divides the budgets of an identity further. */
export type Division = 'consumer' | 'credential' | 'ip' | 'method' | 'path';

/** Consumers, as a limit's `for` names them. */
export interface Callers {
  /** Usernames and ids. */
  consumers: ReadonlySet<string>;
  tags: ReadonlySet<string>;
}

/** What a limit is called, and which requests it concerns. */
export interface Scope {
  name: string;
  /** Whether it may refuse, or only says what it would refuse. */
  mode: 'enforce' | 'report';
  /** The family of its counters. Limits that count the same share one. */
  group: string;
  limit: number;
  identity: Identity;
  /** What else has budgets of its own, within the identity's. In one order, whatever the configuration's. */
  divisions: readonly Division[];
  /** Undefined means all methods. */
  methods: ReadonlySet<string> | undefined;
  paths: readonly PathPattern[] | undefined;
  /** Whom it concerns. Undefined means everyone. */
  callers: Callers | undefined;
  /** Whom limits of the same name concern instead. */
  others: readonly Callers[];
}

/** One limit of requests in windows. */
export interface Limit extends Scope {
  /** `month`: fixed, in months of the calendar (UTC). */
  algorithm: 'fixed' | 'sliding' | 'month';
  /** From which share of the limit on to warn, in percent. */
  warnAt: number | undefined;
  /** The length of a window; of a month, the longest. */
  windowMs: number;
  /** Whether it is of the calendar: a week or a month. */
  isBudget: boolean;
  /** How long after 1970, or after the first of the month, windows begin. */
  shiftMs: number;
  cost: number;
  /** Multiplies the cost: with `per: 25`, `pageSize=60` costs three times as much. */
  costByQuery: { name: string; per: number } | undefined;
  /** What of the limit is reserved, and for whom. The first that names a consumer is its own. */
  reserved: readonly Share[];
}

/** A part of a limit that only some consumers may use. */
export interface Share {
  callers: Callers;
  /** In what requests cost. */
  amount: number;
}

/** One limit of requests in flight. */
export interface Concurrent extends Scope {
  /** How long a request counts at most. */
  ttlMs: number;
}

/** How some consumers wait. */
export interface Priority {
  callers: Callers;
  /** Higher ones go first; 0 is for those that are not named. */
  level: number;
  maxWaitMs: number;
}

/** The spike arrest. */
export interface Spike {
  group: string;
  identity: Identity;
  /** The time between two requests. */
  emissionUs: number;
  burst: number;
}

/** A parsed configuration. */
export interface Config {
  /** `report`: nothing is refused or delayed, whatever the limits' own mode. */
  mode: 'enforce' | 'report';
  reportHeader: boolean;
  warnHeader: boolean;
  limits: readonly Limit[];
  concurrent: readonly Concurrent[];
  /** Whether any limit concerns certain paths. */
  usesPaths: boolean;
  spike: Spike | undefined;
  maxWaitMs: number;
  /** Who may wait otherwise. The first that names a consumer is its own. */
  priorities: readonly Priority[];
  /** Configurations in one namespace share counters. By default, each plugin entry has its own namespace. */
  namespace: string;
  maxIdentities: number;
  /** Undefined means that this node counts alone. */
  redis: RedisSettings | undefined;
  /** How much of what is left of a window a node may lease from Redis at once; 0: nothing. */
  leasePercent: number;
  onRedisError: 'local' | 'reject' | 'allow';
  followUpstream: boolean;
  hideHeaders: boolean;
  /** How much longer than it takes a refused client may be told to wait. */
  retryJitterPercent: number;
}

type RawConfig = ConfigOf<typeof Schema>;
type RawLimit = RawConfig['limits'][number];
type RawConcurrent = RawConfig['concurrent'][number];

const DAY_MS = 86_400_000;
const WINDOWS_MS = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 31 * DAY_MS,
};
const LEVELS = { high: 1, normal: 0, low: -1 };
/** The first Monday of 1970, in days after its first of January. */
const FIRST_MONDAY = 4;
/** The name in the spike arrest's group. No limit may use it. */
const SPIKE = 'spike';

/**
 * Parses the configuration of an instance.
 * @param raw the configuration as Kong sends it, with references resolved and keys of Kong's own
 * @throws ConfigError that names the field
 */
export function readConfig(raw: unknown, host: Host): Config {
  const config = parseConfig(Schema, raw);
  const limits = config.limits.map((limit, index) => readLimit(limit, `limits[${index}]`, config.limits));
  const concurrent = config.concurrent.map((limit, index) => {
    const path = `concurrent[${index}]`;
    // Metrics and answers tell limits apart by their names alone.
    if (limits.some(({ name }) => name === limit.name))
      throw new ConfigError(`${path}.name`, 'is the name of a limit too');
    const kind = `in-flight${limit.ttl_seconds}`;
    return { ...readScope(limit, path, config.concurrent, kind), ttlMs: limit.ttl_seconds * 1000 };
  });
  if (config.policy === 'redis' && config.redis === undefined) throw new ConfigError('redis', 'is required');
  return {
    mode: config.mode,
    reportHeader: config.report_header,
    warnHeader: config.warn_header,
    limits,
    concurrent,
    usesPaths: [...limits, ...concurrent].some(({ paths }) => paths !== undefined),
    spike: config.spike_arrest && readSpike(config.spike_arrest),
    maxWaitMs: config.max_wait_ms,
    priorities: (config.priority ?? []).map(
      ({ consumers, tags, level, max_wait_ms: maxWaitMs = config.max_wait_ms }) => ({
        callers: callersOf({ consumers, tags }),
        level: LEVELS[level],
        maxWaitMs,
      }),
    ),
    // A configured name cannot contain a slash, so the two never collide.
    namespace: config.namespace ?? `own/${readPluginId(raw)}`,
    maxIdentities: config.max_identities,
    redis: config.policy === 'redis' && config.redis ? readRedisSettings(config.redis, 'redis', host) : undefined,
    leasePercent: config.policy === 'redis' ? (config.redis?.lease_percent ?? 0) : 0,
    onRedisError: config.on_redis_error,
    followUpstream: config.follow_upstream,
    hideHeaders: config.hide_headers,
    retryJitterPercent: config.retry_after_jitter_percent,
  };
}

/** @param all the limits of the configuration */
function readLimit(limit: RawLimit, path: string, all: readonly RawLimit[]): Limit {
  if (limit.cost > limit.limit) throw new ConfigError(`${path}.cost`, 'must not be over the limit');
  const windows = readWindows(limit, path);
  return {
    ...readScope(limit, path, all, windows.key),
    algorithm: windows.algorithm,
    warnAt: limit.warn_at,
    windowMs: windows.windowMs,
    isBudget: limit.window === 'week' || limit.window === 'month',
    shiftMs: windows.shiftMs,
    cost: limit.cost,
    costByQuery: limit.cost_by_query,
    reserved: readShares(limit, path),
  };
}

function readShares({ limit, reserved = [], by, and_by: andBy = [] }: RawLimit, path: string): Share[] {
  if (reserved.length === 0) return [];
  // Each consumer has a budget of its own then, which nobody else can use up.
  const own = [by, ...andBy].find((one) => one === 'consumer' || one === 'credential');
  if (own !== undefined) throw new ConfigError(`${path}.reserved`, `means nothing if each ${own} has its own budget`);
  if (reserved.reduce((sum, { share }) => sum + share, 0) > 100)
    throw new ConfigError(`${path}.reserved`, 'must not be more than 100 percent');
  return reserved.map(({ consumers, tags, share }, index) => {
    const amount = Math.floor((limit * share) / 100);
    if (amount === 0) throw new ConfigError(`${path}.reserved[${index}].share`, `is nothing of a limit of ${limit}`);
    return { callers: callersOf({ consumers, tags }), amount };
  });
}

/**
 * @param all the limits of the list
 * @param kind tells limits of one name and identity that do not count the same
 */
function readScope(
  limit: RawLimit | RawConcurrent,
  path: string,
  all: readonly (RawLimit | RawConcurrent)[],
  kind: string | number,
): Scope {
  const namesakes = all.filter(({ name }) => name === limit.name);
  const callers = readCallers(limit.for);
  if (callers === undefined && namesakes.find((other) => other.for === undefined) !== limit)
    throw new ConfigError(`${path}.name`, 'is the name of another limit too');
  // Who is named in another limit would no longer count in the one for all.
  if (namesakes.length > 1 && limit.by === 'global')
    throw new ConfigError(`${path}.by`, 'must not be global if another limit has the name: use names of their own');
  const before = callers === undefined ? namesakes : namesakes.slice(0, namesakes.indexOf(limit));
  if (limit.name === SPIKE) throw new ConfigError(`${path}.name`, `must not be ${SPIKE}`);
  const identity = readIdentity(limit, path);
  const divisions = [...new Set(limit.and_by)].sort();
  if (divisions.some((division) => division === identity.by)) {
    throw new ConfigError(`${path}.and_by`, `must not hold ${identity.by}, which by is already`);
  }
  return {
    name: limit.name,
    mode: limit.mode,
    group: [limit.name, kind, ...identityParts(identity), ...divisions].join(':'),
    limit: limit.limit,
    identity,
    divisions,
    methods: limit.methods && new Set(limit.methods),
    paths: limit.paths?.map((text, index) => readPath(text, `${path}.paths[${index}]`)),
    callers,
    others: before.flatMap((other) => readCallers(other.for) ?? []),
  };
}

/** Reads when the windows of a limit begin. `key` tells them from others in a group. */
function readWindows(limit: RawLimit, path: string) {
  const { window = 'minute', window_seconds: seconds, starts_on: startsOn, algorithm } = limit;
  if (window !== 'week' && window !== 'month') {
    if (startsOn !== undefined) throw new ConfigError(`${path}.starts_on`, 'means nothing but for a week or a month');
    const windowMs = seconds === undefined ? WINDOWS_MS[window] : seconds * 1000;
    return { key: windowMs, algorithm: algorithm ?? ('sliding' as const), windowMs, shiftMs: 0 };
  }
  // A bill begins at zero, whatever was used before it.
  if (algorithm === 'sliding') throw new ConfigError(`${path}.algorithm`, `must be fixed if window is ${window}`);
  const first = startsOn ?? 1;
  if (window === 'week' && first > 7) throw new ConfigError(`${path}.starts_on`, 'must be 1 to 7 if window is week');
  return {
    key: `${window}${first}`,
    algorithm: window === 'month' ? window : ('fixed' as const),
    windowMs: WINDOWS_MS[window],
    shiftMs: (first - 1 + (window === 'week' ? FIRST_MONDAY : 0)) * DAY_MS,
  };
}

function readCallers(callers: RawLimit['for']): Callers | undefined {
  return callers && callersOf(callers);
}

function callersOf({
  consumers,
  tags,
}: {
  consumers?: readonly string[] | undefined;
  tags?: readonly string[] | undefined;
}): Callers {
  return { consumers: new Set(consumers), tags: new Set(tags) };
}

function readSpike(spike: NonNullable<RawConfig['spike_arrest']>): Spike {
  const [count, unit] = spike.rate.split('p');
  const emissionUs = Math.ceil((unit === 's' ? 1_000_000 : 60_000_000) / Number(count));
  const identity = readIdentity(spike, 'spike_arrest');
  return {
    // The burst affects how long a counter matters, and so its generation.
    group: [SPIKE, emissionUs, spike.burst, ...identityParts(identity)].join(':'),
    identity,
    emissionUs,
    burst: spike.burst,
  };
}

function readIdentity({ by, by_name: name = '' }: Pick<RawLimit, 'by' | 'by_name'>, path: string): Identity {
  if (by !== 'header' && by !== 'query') {
    if (name !== '') throw new ConfigError(`${path}.by_name`, `means nothing if by is ${by}`);
    return { by };
  }
  // A lone surrogate has no UTF-8 form, so neither a request nor a Redis key can contain it.
  if (/\p{Surrogate}/u.test(name)) throw new ConfigError(`${path}.by_name`, 'must be valid Unicode');
  return { by, name: by === 'header' ? name.toLowerCase() : name };
}

/** Returns what distinguishes limits of one name in a group. Encodes names, which may be unfit for a Redis key. */
function identityParts(identity: Identity): string[] {
  return 'name' in identity ? [identity.by, encodeURIComponent(identity.name)] : [identity.by];
}

function readPath(text: string, path: string): PathPattern {
  try {
    return compilePathPattern(text);
  } catch (error) {
    throw new ConfigError(path, (error as Error).message);
  }
}

/** Returns the plugin's id, which Kong adds to the configuration. Instances without one share a namespace. */
function readPluginId(raw: unknown): string {
  const id = property(raw, '__plugin_id');
  return typeof id === 'string' && id !== '' ? id : 'unnamed';
}
