/**
 * The access phase. It reads what the limits need and asks for admission. An admitted request goes on with RateLimit
 * headers. A refused one is answered 429 or 503 and consumes nothing.
 */
import { type Effect, log, serialize, setClientHeaders } from '../runtime/effects.js';
import { refused } from '../runtime/refused.js';
import { type Step, step, type Verdict } from '../runtime/step.js';
import { refusalOf } from '../shared/http/request-guard.js';
import type { Config } from './config.js';
import { admit } from './limits/admission.js';
import { rateLimitHeaders, refusalAnswer } from './limits/answer.js';
import type { Holds } from './limits/hold.js';
import { checksOf, planReads, type RequestFacts, readRequest } from './limits/request.js';
import type { Namespace } from './namespaces.js';
import { NO_CONSUMER } from './usage.js';

/** The key in Kong's log entry for the limit that refused a request. */
const LOG_KEY = 'genesys_quota.refused_by';

/** Makes the step of one configuration. */
export function accessStep(config: Config, namespace: Namespace, holds: Holds): Step {
  const { maxWaitMs, onRedisError, followUpstream, leasePercent, hideHeaders } = config;
  const settings = { namespace, holds, maxWaitMs, onRedisError, followUpstream, leasePercent };
  const plan = planReads(config);

  async function decide(request: RequestFacts): Promise<Verdict> {
    const refusal = refusalOf(request);
    if (refusal !== undefined) return refused(refusal);
    const admission = await admit(checksOf(config, request), request.upstreamUri, settings);
    const decision = admission.kind === 'refused' ? admission.limit : admission.kind;
    namespace.decisions.set(decision, (namespace.decisions.get(decision) ?? 0) + 1);
    const effects = redisLines(namespace);
    if (admission.kind !== 'admitted') {
      effects.push(serialize(LOG_KEY, decision));
      return { effects, answer: refusalAnswer(admission, hideHeaders) };
    }
    namespace.usage.count(request.consumer ?? NO_CONSUMER, 1, Date.now());
    if (!hideHeaders && admission.tightest !== undefined) {
      effects.push(setClientHeaders(rateLimitHeaders(admission.tightest)));
    }
    return { effects };
  }

  return step((event) => readRequest(event, plan), decide);
}

/** Returns log lines for problems with Redis, each problem once. */
function redisLines({ shared }: Namespace): Effect[] {
  const effects: Effect[] = [];
  const fault = shared?.faults.take();
  if (fault !== undefined) effects.push(log('err', `genesys-quota: Redis refuses to count: ${fault}`));
  const notice = shared?.redis.takeNotice();
  if (notice !== undefined) effects.push(log(notice.level, `genesys-quota: ${notice.message}`));
  return effects;
}
