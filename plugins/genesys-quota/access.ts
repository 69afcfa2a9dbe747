/**
 * The access phase: reads what the limits need, asks for admission, and either goes on with RateLimit headers or answers
 * 429, or 503. A refused request has consumed nothing.
 */
import { refusalOf, refuseRequest } from '../shared/http/request-guard.js';
import { oneLine } from '../shared/one-line.js';
import type { Kong } from '../shared/pdk.js';
import type { Config } from './config.js';
import { type Admission, type AdmissionSettings, admit } from './limits/admission.js';
import { rateLimitHeaders, refusalAnswer } from './limits/answer.js';
import { checksOf, type ReadPlan, readRequest } from './limits/request.js';
import type { Namespace } from './namespaces.js';
import { NO_CONSUMER } from './usage.js';

/** What the access phase of one configuration needs. */
export interface Access {
  config: Config;
  plan: ReadPlan;
  namespace: Namespace;
}

/** Under this key of Kong's log entry stands which limit refused a request. */
const LOG_KEY = 'genesys_quota.refused_by';

/** Runs the access phase. Rejects only if Kong does. */
export async function handleAccess(kong: Kong, { config, plan, namespace }: Access): Promise<void> {
  const { maxWaitMs, onRedisError, followUpstream, hideHeaders } = config;
  const request = await readRequest(kong, plan);
  const refusal = refusalOf(request);
  if (refusal !== undefined) return refuseRequest(kong, refusal);
  const settings: AdmissionSettings = {
    namespace,
    maxWaitMs,
    onRedisError,
    followUpstream,
    onRedisFault: (message) => logFault(kong, message),
  };
  const admission = await admit(checksOf(config, request), request.upstreamUri, settings);
  const decision = admission.kind === 'refused' ? admission.limit : admission.kind;
  namespace.decisions.set(decision, (namespace.decisions.get(decision) ?? 0) + 1);
  const notice = namespace.shared?.redis.takeNotice();
  if (notice !== undefined) void kong.log[notice.level](`genesys-quota: ${notice.message}`);
  if (admission.kind !== 'admitted') return refuse(kong, admission, decision, hideHeaders);
  namespace.usage.count(request.consumer ?? NO_CONSUMER, 1, Date.now());
  if (!hideHeaders && admission.tightest !== undefined) {
    await kong.response.setHeaders(rateLimitHeaders(admission.tightest));
  }
}

async function refuse(
  kong: Kong,
  admission: Exclude<Admission, { kind: 'admitted' }>,
  decision: string,
  hideHeaders: boolean,
): Promise<void> {
  const contextId = await kong.nginx.getVar('kong_request_id');
  void kong.log.setSerializeValue(LOG_KEY, decision);
  const { status, body, headers } = refusalAnswer(admission, contextId, hideHeaders);
  await kong.response.exit(status, body, headers);
}

/** How often a fault of Redis' own is logged: it comes with each request. */
const FAULT_LOG_MS = 60_000;
let faultLoggedMs = Number.NEGATIVE_INFINITY;

function logFault(kong: Kong, message: string): void {
  const nowMs = performance.now();
  if (nowMs - faultLoggedMs < FAULT_LOG_MS) return;
  faultLoggedMs = nowMs;
  void kong.log.err(`genesys-quota: Redis refuses to count: ${oneLine(message, 200)}`);
}
