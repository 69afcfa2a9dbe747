/**
 * The log phase: learns what Genesys has refused, and takes back from a consumer's use what never came to Genesys. It runs
 * for every request, answers of Kong itself included, so it reads the status alone unless something went wrong, and now and
 * then which token was used, and what Genesys says of it.
 */
import { routeOf } from '../shared/genesys-route.js';
import { parseLogEntry } from '../shared/log-entry.js';
import type { Kong, ResponseSource } from '../shared/pdk.js';
import { parseTokenMark, REFUSED_MARK, TOKEN_MARK, type TokenMark } from '../shared/token-mark.js';
import { routeKey } from './genesys-limits/route-key.js';
import { shareClosure } from './genesys-limits/shared-closures.js';
import type { Namespace } from './namespaces.js';
import { NO_CONSUMER } from './usage.js';

/** What the log phase of one configuration needs. */
export interface Log {
  namespace: Namespace;
  followUpstream: boolean;
  /** Whether requests may wait, so that the hints of each answer are of use. */
  usesHints: boolean;
}

/** For requests whose credential is not ours. */
const UNKNOWN: TokenMark = { ref: 'unknown', poolSize: 1 };

/** Runs the log phase. */
export async function handleLog(kong: Kong, { namespace, followUpstream, usesHints }: Log): Promise<void> {
  const { upstream, hints } = namespace;
  const nowMs = performance.now();
  const looks = followUpstream && upstream.wantsToSee(nowMs);
  const hint = (name: string) => (usesHints || looks ? kong.response.getHeader(`inin-ratelimit-${name}`) : undefined);
  const [status, mark, count, allowed, resetSeconds] = await Promise.all([
    kong.response.getStatus(),
    usesHints || looks ? kong.ctx.shared.get(TOKEN_MARK) : null,
    hint('count'),
    hint('allowed'),
    hint('reset'),
  ]);
  const used = parseTokenMark(mark);
  if (used !== undefined) {
    upstream.saw(used, nowMs);
    hints.learn(used, { count, allowed, resetSeconds }, nowMs);
  }
  if (status >= 400) await learnFailure(kong, namespace, status, followUpstream);
}

async function learnFailure(kong: Kong, namespace: Namespace, status: number, followUpstream: boolean): Promise<void> {
  const [mark, source] = await Promise.all([kong.ctx.shared.get(TOKEN_MARK), kong.response.getSource()]);
  if (mark === REFUSED_MARK || (await wasNotAsked(kong, status, source))) {
    namespace.usage.count((await kong.client.getConsumer()) ?? NO_CONSUMER, -1, Date.now());
    return;
  }
  const used = parseTokenMark(mark) ?? (source === 'service' ? UNKNOWN : undefined);
  if (status === 429 && followUpstream && used !== undefined) await learnRefusal(kong, namespace, used);
}

/**
 * Whether Kong made up the answer since no service could be asked: 502, or 503 for an upstream without a healthy target,
 * which has the source of a plugin's exit (measured). A 504 was asked.
 */
async function wasNotAsked(kong: Kong, status: number, source: ResponseSource): Promise<boolean> {
  if (source === 'service' || (status !== 502 && status !== 503)) return false;
  if (source === 'error') return true;
  return parseLogEntry(await kong.log.serialize(), Date.now()).status === undefined;
}

async function learnRefusal(kong: Kong, { name, upstream, shared }: Namespace, mark: TokenMark): Promise<void> {
  const { status, retryAfterMs, upstreamUri } = parseLogEntry(await kong.log.serialize(), Date.now());
  if (status !== 429) return;
  const closure = { ...mark, route: routeKey(routeOf(upstreamUri)), remainingMs: retryAfterMs };
  upstream.close(closure, performance.now());
  // Without Redis the other nodes learn it from Genesys.
  if (shared !== undefined) await shareClosure(shared.redis, name, closure).catch(() => {});
}
