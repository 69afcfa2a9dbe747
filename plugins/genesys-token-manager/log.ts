/**
 * The log phase: what the service's answer says of the token that the request used. Log handlers also run for answers of
 * Kong itself, so only a request in which access left the token's name counts, and only the status that the service gave.
 */

import { routeOf } from '../shared/genesys-route.js';
import { parseLogEntry, type ServiceAnswer } from '../shared/log-entry.js';
import type { Kong } from '../shared/pdk.js';
import { parseTokenMark, STATIC_REF, TOKEN_MARK } from '../shared/token-mark.js';
import type { ServiceBreaker } from './service-breaker.js';
import type { TokenBroker } from './token-broker.js';

/** What the log phase of one configuration needs. */
export interface Log {
  broker: TokenBroker;
  purgeOnStatuses: ReadonlySet<number>;
  headerName: string;
  /** Other requests than ours use the same tokens: what Genesys counted is read. */
  learnsUse: boolean;
  breaker: ServiceBreaker | undefined;
}

/** Genesys counts what a token was used in its window, and sometimes tells. */
const COUNT_HEADER = 'inin-ratelimit-count';

/** Runs the log phase. */
export async function handleLog(kong: Kong, log: Log): Promise<void> {
  const [mark, status, source, count] = await Promise.all([
    kong.ctx.shared.get(TOKEN_MARK),
    kong.response.getStatus(),
    kong.response.getSource(),
    log.learnsUse ? kong.response.getHeader(COUNT_HEADER) : undefined,
  ]);
  const ref = parseTokenMark(mark)?.ref;
  if (ref === undefined) return;
  if (count !== undefined && /^\d{1,6}$/.test(count)) {
    log.broker.allowanceOf(ref)?.learn(Number(count), performance.now());
  }
  // The entry is some KiB of JSON: it is asked for only if something went wrong.
  if (status < 400 && source !== 'error') return log.breaker?.report(kong, 'succeeded');
  const answer = parseLogEntry(await kong.log.serialize(), Date.now());
  if (ref !== STATIC_REF) judgeToken(ref, answer, log);
  const outcome = judgeService(answer, source === 'error');
  if (outcome !== undefined) await log.breaker?.report(kong, outcome);
}

function judgeToken(ref: string, answer: ServiceAnswer, { broker, purgeOnStatuses, headerName }: Log): void {
  const { status, retryAfterMs, upstreamUri, connectionHeader } = answer;
  if (status === undefined) return;
  // Kong drops what the client's Connection header names: this request went without the token.
  if (connectionHeader.includes(headerName.toLowerCase())) return;
  if (purgeOnStatuses.has(status)) broker.refuse(ref);
  if (status === 429) broker.allowanceOf(ref)?.close(routeOf(upstreamUri), retryAfterMs, performance.now());
}

/** Undefined if the request says nothing of the service: the client went away, or it was never asked. */
function judgeService({ status }: ServiceAnswer, byKong: boolean): 'succeeded' | 'failed' | undefined {
  if (status === undefined) return byKong ? 'failed' : undefined;
  return status >= 500 ? 'failed' : 'succeeded';
}
