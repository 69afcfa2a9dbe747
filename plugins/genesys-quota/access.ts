/**
 * The access phase. It reads what the limits need and asks for admission. An admitted request goes on with RateLimit
 * headers. A refused one is answered 429 or 503 and consumes nothing.
 */
import { type Effect, log, serialize, setClientHeaders, share } from '../runtime/effects.js';
import { refused } from '../runtime/refused.js';
import { type Step, step, type Verdict } from '../runtime/step.js';
import { refusalOf } from '../shared/http/request-guard.js';
import type { Timeline } from '../shared/timeline.js';
import type { Config } from './config.js';
import { flightKey, formatPlaces } from './flights.js';
import { type Admission, admit } from './limits/admission.js';
import { rateLimitHeaders, refusalAnswer, warningOf } from './limits/answer.js';
import type { Check } from './limits/counting.js';
import type { Holds } from './limits/hold.js';
import { placesOf } from './limits/in-flight.js';
import { checksOf, planReads, priorityOf, type RequestFacts, readRequest } from './limits/request.js';
import type { Namespace } from './namespaces.js';
import { NO_CONSUMER } from './usage.js';

/** The key in Kong's log entry for the limit that refused a request. */
const LOG_KEY = 'genesys_quota.refused_by';
/** The limit that would have refused a request. */
const REPORT_HEADER = 'X-Genesys-Quota-Report';
/** The limits that are nearly used up. */
const WARNING_HEADER = 'X-Genesys-Quota-Warning';

/** Makes the step of one configuration. */
export function accessStep(config: Config, namespace: Namespace, holds: Holds): Step {
  const { maxWaitMs, onRedisError, followUpstream, leasePercent, hideHeaders, reportHeader, warnHeader } = config;
  const enforces = config.mode === 'enforce';
  const reports = !enforces || [...config.limits, ...config.concurrent].some(({ mode }) => mode === 'report');
  const settings = { namespace, holds, maxWaitMs, onRedisError, followUpstream, leasePercent };
  const plan = planReads(config);
  const newPlace = config.concurrent.length > 0 ? namespace.flights.name : () => '';
  for (const { name, warnAt } of config.limits) if (warnAt !== undefined) namespace.warnings.expect(name);
  // Nobody waits, and what is away refuses nothing.
  const reporting = {
    ...settings,
    maxWaitMs: 0,
    onRedisError: 'allow' as const,
    followUpstream: followUpstream && !enforces,
  };

  function noteUse(admission: Admission): void {
    if (admission.kind !== 'admitted') return;
    namespace.warnings.note(admission.nearlyUsed);
    namespace.budgets.note(admission.budgets);
  }

  /** Counts the request in the limits that only report. @returns what they would have decided */
  async function report(checks: readonly Check[], upstreamUri: string): Promise<string> {
    const admission = await admit(checks, upstreamUri, reporting);
    const decision = admission.kind === 'refused' ? admission.limit : admission.kind;
    namespace.reports.note(decision);
    noteUse(admission);
    return decision;
  }

  /** Reports on a request that goes on. Only the header is worth waiting for. */
  async function reportOf(checks: readonly Check[], upstreamUri: string, place: string): Promise<Effect[]> {
    const reported = report(checks, upstreamUri);
    if (!reportHeader) {
      // A fault of Redis is noted by `admit`, and told with the next request.
      namespace.flights.counting(
        place,
        reported.catch(() => {}),
      );
      return [];
    }
    const decision = await reported;
    return decision === 'admitted' ? [] : [setClientHeaders({ [REPORT_HEADER]: decision })];
  }

  async function decide(request: RequestFacts, timeline?: Timeline): Promise<Verdict> {
    if (namespace.saved?.loading !== undefined) await namespace.saved.loading;
    const { upstreamUri, consumer = NO_CONSUMER } = request;
    const refusal = enforces ? refusalOf(request) : undefined;
    if (refusal !== undefined) return refused(refusal);
    const place = newPlace();
    if (!enforces) {
      namespace.usage.count(consumer, 1, Date.now());
      const reported = checksOf(config, request, 'report', place);
      const effects = [...lines(namespace), ...(await reportOf(reported, upstreamUri, place))];
      return { effects: [...effects, ...marks(reported)] };
    }
    const checks = checksOf(config, request, 'enforce', place);
    const admission = await admit(checks, upstreamUri, settings, priorityOf(config, request), timeline);
    const decision = admission.kind === 'refused' ? admission.limit : admission.kind;
    namespace.decisions.set(decision, (namespace.decisions.get(decision) ?? 0) + 1);
    noteUse(admission);
    const effects = lines(namespace);
    if (admission.kind !== 'admitted') {
      effects.push(serialize(LOG_KEY, decision));
      return { effects, answer: refusalAnswer(admission, config, Math.random()) };
    }
    namespace.usage.count(consumer, 1, Date.now());
    if (!hideHeaders && admission.tightest !== undefined) {
      effects.push(setClientHeaders(rateLimitHeaders(admission.tightest)));
    }
    if (warnHeader && admission.nearlyUsed.length > 0) {
      effects.push(setClientHeaders({ [WARNING_HEADER]: warningOf(admission.nearlyUsed) }));
    }
    const reported = reports ? checksOf(config, request, 'report', place) : [];
    if (reports) effects.push(...(await reportOf(reported, upstreamUri, place)));
    if (place !== '') effects.push(...marks([...checks, ...reported]));
    return { effects };
  }

  /** Leaves for the log phase which places the request has. */
  function marks(checks: readonly Check[]): Effect[] {
    const places = placesOf(checks);
    return places === undefined ? [] : [share(flightKey(namespace.name), formatPlaces(places))];
  }

  return step((event) => readRequest(event, plan), decide);
}

/** Returns log lines: problems with Redis and with the file of use, each once, what limits in report mode would have refused, and warnings. */
function lines({ name, shared, saved, reports, warnings, usage }: Namespace): Effect[] {
  const effects: Effect[] = [];
  const line = reports.takeLine();
  if (line !== undefined) effects.push(log('notice', `genesys-quota: report on ${name}: ${line}`));
  const warning = warnings.takeLine();
  if (warning !== undefined) effects.push(log('warn', `genesys-quota: ${name}: ${warning}`));
  const kept = usage.takeNotice() ?? saved?.takeNotice();
  if (kept !== undefined) effects.push(log(kept.level, `genesys-quota: ${kept.message}`));
  const fault = shared?.faults.take();
  if (fault !== undefined) effects.push(log('err', `genesys-quota: Redis refuses to count: ${fault}`));
  const notice = shared?.redis.takeNotice();
  if (notice !== undefined) effects.push(log(notice.level, `genesys-quota: ${notice.message}`));
  return effects;
}
