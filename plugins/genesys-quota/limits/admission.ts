/**
 * Whether one request goes on: first what Genesys has closed, then the limits; refused at once, or held for as long as it
 * may wait. What Redis' failure means is decided here too.
 */
import { routeOf } from '../../shared/genesys-route.js';
import { RedisUnavailable } from '../../shared/redis/connection.js';
import type { Config } from '../config.js';
import { routeKey } from '../genesys-limits/route-key.js';
import type { Namespace } from '../namespaces.js';
import type { ClosureMode, CountersAnswer } from './counters.js';
import { type Check, type Judgement, judge, type Tightest } from './counting.js';
import { type Hold, startHold } from './hold.js';

export type Admission =
  | { kind: 'admitted'; tightest: Tightest | undefined }
  | { kind: 'refused'; limit: string; waitMs: number; tightest: Tightest }
  /** Genesys refuses it at the moment. */
  | { kind: 'closed'; waitMs: number }
  /** Redis is away, and the configuration wants no request then. */
  | { kind: 'unavailable' };

/** What a request is decided by. */
export interface AdmissionSettings {
  namespace: Namespace;
  maxWaitMs: number;
  onRedisError: Config['onRedisError'];
  followUpstream: boolean;
  /** Redis answered with an error of its own, which says what is wrong with it. */
  onRedisFault(message: string): void;
}

/** How long a request waits for the connection that its process has begun to make, so that no node begins with counts of its own. */
const FIRST_CONTACT_MS = 3000;

/**
 * Decides on one request.
 * @param upstreamUri of the request
 */
export async function admit(
  checks: readonly Check[],
  upstreamUri: string,
  settings: AdmissionSettings,
): Promise<Admission> {
  const hold = startHold(settings.maxWaitMs);
  try {
    return await admitOrHold(checks, upstreamUri, settings, hold);
  } finally {
    hold?.end();
  }
}

async function admitOrHold(
  checks: readonly Check[],
  upstreamUri: string,
  settings: AdmissionSettings,
  hold: Hold | undefined,
): Promise<Admission> {
  const { namespace, followUpstream } = settings;
  const { upstream, hints } = namespace;
  if (hold !== undefined) {
    const delayMs = hints.delayMs(performance.now(), hold.leftMs());
    if (delayMs > 0) await hold.sleep(delayMs);
  }
  let mode: ClosureMode = followUpstream ? 'report' : 'ignore';
  for (;;) {
    if (followUpstream && upstream.isAnyClosed(performance.now())) {
      const route = routeKey(routeOf(upstreamUri));
      const waitMs = upstream.waitMs(route, performance.now());
      if (waitMs > 0) {
        if (hold === undefined || waitMs > hold.leftMs()) return { kind: 'closed', waitMs };
        await hold.sleep(waitMs);
        continue;
      }
      // What is closed is known, and does not concern this request.
      mode = 'learn';
    }
    const counted = await count(checks, hold?.leftMs() ?? 0, mode, settings);
    if (typeof counted === 'string') {
      return counted === 'unavailable' ? { kind: counted } : { kind: counted, tightest: undefined };
    }
    for (const closure of counted.closures) upstream.close(closure, performance.now());
    if (counted.reading === undefined) {
      mode = 'learn';
      continue;
    }
    const judged = judge(checks, counted.reading);
    if (judged.admitted) {
      if (judged.delayMs > 0) await hold?.sleep(judged.delayMs);
      return { kind: 'admitted', tightest: judged.tightest };
    }
    if (hold === undefined || judged.waitMs > hold.leftMs()) return refused(judged);
    const { group, id } = judged.check;
    if (await hold.queue(`${namespace.name} ${group} ${id}`)) continue;
    if (judged.waitMs > hold.leftMs()) return refused(judged);
    await hold.sleep(judged.waitMs);
  }
}

function refused({ check, waitMs, tightest }: Extract<Judgement, { admitted: false }>): Admission {
  return { kind: 'refused', limit: check.name, waitMs, tightest };
}

/** Counts where the policy says, or where it says for a Redis that is away. */
async function count(
  checks: readonly Check[],
  maxDelayMs: number,
  mode: ClosureMode,
  { namespace: { local, shared }, onRedisError, onRedisFault }: AdmissionSettings,
): Promise<CountersAnswer | 'admitted' | 'unavailable'> {
  const maxDelayUs = Math.floor(maxDelayMs * 1000);
  if (shared === undefined) return local.admit(checks, maxDelayUs);
  if (checks.length === 0 && mode === 'ignore') return 'admitted';
  await shared.redis.firstContact(FIRST_CONTACT_MS);
  try {
    return await shared.counters.admit(checks, maxDelayUs, mode);
  } catch (error) {
    if (!(error instanceof RedisUnavailable)) onRedisFault((error as Error).message);
    if (onRedisError === 'local') return local.admit(checks, maxDelayUs);
    return onRedisError === 'allow' ? 'admitted' : 'unavailable';
  }
}
