/**
 * The log phase: counts use by consumer, and learns what Genesys has refused. Log handlers also run for answers of Kong
 * itself, so only requests count that carried a credential of genesys-token-manager, or that the service answered.
 */
import { routeOf } from '../shared/genesys-route.js';
import { parseLogEntry } from '../shared/log-entry.js';
import type { Kong } from '../shared/pdk.js';
import { parseTokenMark, TOKEN_MARK, type TokenMark } from '../shared/token-mark.js';
import type { Namespace } from './namespaces.js';
import { routeKey } from './route-key.js';
import { shareClosure } from './shared-closures.js';

/** What the log phase of one configuration needs. */
export interface Log {
  namespace: Namespace;
  followUpstream: boolean;
  /** Whether requests may wait, so that hints are of use. */
  usesHints: boolean;
}

/** For requests whose credential is not ours. */
const UNKNOWN: TokenMark = { ref: 'unknown', poolSize: 1 };

/** Runs the log phase. */
export async function handleLog(kong: Kong, { namespace, followUpstream, usesHints }: Log): Promise<void> {
  const hint = (name: string) => (usesHints ? kong.response.getHeader(`inin-ratelimit-${name}`) : undefined);
  const [shared, status, source, consumer, count, allowed, resetSeconds] = await Promise.all([
    kong.ctx.shared.get(TOKEN_MARK),
    kong.response.getStatus(),
    kong.response.getSource(),
    kong.client.getConsumer(),
    hint('count'),
    hint('allowed'),
    hint('reset'),
  ]);
  const mark = parseTokenMark(shared) ?? (source === 'service' ? UNKNOWN : undefined);
  if (mark === undefined) return;
  // Kong makes these up when no service could be asked. A 504 was asked.
  const wasAsked = !(source === 'error' && (status === 502 || status === 503));
  if (wasAsked) namespace.usage.count(consumer ?? { id: '', username: '' }, Date.now());
  if (!followUpstream) return;
  const nowMs = performance.now();
  namespace.upstream.saw(mark, nowMs);
  if (usesHints) namespace.hints.learn(mark, { count, allowed, resetSeconds }, nowMs);
  if (status === 429) await learnRefusal(kong, namespace, mark);
}

async function learnRefusal(kong: Kong, { name, upstream, shared }: Namespace, mark: TokenMark): Promise<void> {
  const { status, retryAfterMs, upstreamUri } = parseLogEntry(await kong.log.serialize(), Date.now());
  if (status !== 429) return;
  const closure = { ...mark, route: routeKey(routeOf(upstreamUri)), remainingMs: retryAfterMs };
  upstream.close(closure, performance.now());
  // Without Redis the other nodes learn it from Genesys.
  if (shared !== undefined) await shareClosure(shared.redis, name, closure).catch(() => {});
}
