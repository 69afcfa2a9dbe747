/**
 * Chooses the target of a request: weighted round robin over an upstream's healthy targets. Health comes from requests
 * (passive) and probes (active). In Kong (lua-resty-healthcheck), a success that counts resets the failures, and a
 * failure that counts resets the successes. What has the limit 0 in the configuration does not count.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ActiveChecks, PassiveChecks, Snapshot, TargetEntity, UpstreamEntity } from './config/types.js';

/** The result of a request or a probe to a target. */
export type Report = { kind: 'status'; status: number } | { kind: 'tcp-failure' } | { kind: 'timeout' };

interface TargetState {
  target: TargetEntity;
  healthy: boolean;
  /** The target's current weight in the smooth weighted round robin. */
  turn: number;
  successes: number;
  tcpFailures: number;
  timeouts: number;
  httpFailures: number;
}

/** The counter of each kind of failure, and the setting that limits it. */
const COUNTERS = { status: 'httpFailures', 'tcp-failure': 'tcpFailures', timeout: 'timeouts' } as const;
const LIMITS = { status: 'http_failures', 'tcp-failure': 'tcp_failures', timeout: 'timeouts' } as const;

export interface Balancer {
  /** Sets the upstreams. A target that was there before keeps its state. */
  configure(snapshot: Snapshot): void;
  /** Returns the next target, or undefined if too few are healthy. Skips those in `tried` while there is another. */
  next(upstream: UpstreamEntity, tried: readonly TargetEntity[]): TargetEntity | undefined;
  report(upstream: UpstreamEntity, target: TargetEntity, report: Report): void;
  close(): void;
}

export function createBalancer(log: (level: string, message: string) => void): Balancer {
  let upstreams = new Map<string, Map<string, TargetState>>();
  let timers: NodeJS.Timeout[] = [];

  const statesOf = (upstream: UpstreamEntity): TargetState[] => [...(upstreams.get(upstream.name)?.values() ?? [])];

  function count(
    upstream: UpstreamEntity,
    state: TargetState,
    report: Report,
    checks: ActiveChecks | PassiveChecks,
  ): void {
    const { healthy, unhealthy } = checks;
    const isSuccess = report.kind === 'status' && healthy.http_statuses.includes(report.status);
    const isFailure = report.kind !== 'status' || unhealthy.http_statuses.includes(report.status);
    if (!isSuccess && !isFailure) return;
    const counter = isSuccess ? 'successes' : COUNTERS[report.kind];
    const limit = isSuccess ? healthy.successes : unhealthy[LIMITS[report.kind]];
    // A counter that is off resets nothing either: without `successes`, failures add up for ever.
    if (limit === 0) return;
    const others: Partial<TargetState> = isSuccess
      ? { tcpFailures: 0, timeouts: 0, httpFailures: 0 }
      : { successes: 0 };
    Object.assign(state, others, { [counter]: state[counter] + 1 });
    if (state.healthy !== isSuccess && state[counter] >= limit) set(upstream, state, isSuccess);
  }

  function set(upstream: UpstreamEntity, state: TargetState, healthy: boolean): void {
    state.healthy = healthy;
    Object.assign(state, { successes: 0, tcpFailures: 0, timeouts: 0, httpFailures: 0 });
    log('warn', `[healthchecks] ${upstream.name}: ${state.target.target} is ${healthy ? 'healthy' : 'unhealthy'}`);
  }

  function watch(upstream: UpstreamEntity): void {
    const { active } = upstream.healthchecks;
    // Kong's HTTP proxy leaves TCP checks to its stream proxy (runloop/balancer/healthcheckers.lua).
    if (active.type === 'tcp') return;
    for (const healthy of [true, false]) {
      const { interval } = healthy ? active.healthy : active.unhealthy;
      if (interval === 0) continue;
      const timer = setInterval(() => {
        for (const state of statesOf(upstream).filter((item) => item.healthy === healthy)) {
          void probe(active, state.target).then((report) => count(upstream, state, report, active));
        }
      }, interval * 1000);
      timer.unref();
      timers.push(timer);
    }
  }

  function stopWatching(): void {
    for (const timer of timers) clearInterval(timer);
    timers = [];
  }

  return {
    configure(snapshot) {
      stopWatching();
      const before = upstreams;
      upstreams = new Map();
      for (const upstream of snapshot.upstreams.values()) {
        const known = before.get(upstream.name);
        const states = upstream.targets.map((target): [string, TargetState] => {
          const key = `${target.host}:${target.port}`;
          const fresh = { healthy: true, turn: 0, successes: 0, tcpFailures: 0, timeouts: 0, httpFailures: 0 };
          return [key, { ...fresh, ...known?.get(key), target }];
        });
        upstreams.set(upstream.name, new Map(states));
        watch(upstream);
      }
    },
    next(upstream, tried) {
      const states = statesOf(upstream).filter(({ target }) => target.weight > 0);
      const total = states.reduce((sum, { target }) => sum + target.weight, 0);
      const healthy = states.filter((state) => state.healthy);
      const healthyWeight = healthy.reduce((sum, { target }) => sum + target.weight, 0);
      if (healthyWeight === 0 || (healthyWeight / total) * 100 < upstream.healthchecks.threshold) return undefined;
      const untried = healthy.filter(({ target }) => !tried.some(({ id }) => id === target.id));
      const candidates = untried.length > 0 ? untried : healthy;
      const weight = candidates.reduce((sum, { target }) => sum + target.weight, 0);
      for (const state of candidates) state.turn += state.target.weight;
      const chosen = candidates.reduce((best, state) => (state.turn > best.turn ? state : best));
      chosen.turn -= weight;
      return chosen.target;
    },
    report(upstream, { host, port }, report) {
      const state = upstreams.get(upstream.name)?.get(`${host}:${port}`);
      if (state !== undefined) count(upstream, state, report, upstream.healthchecks.passive);
    },
    close: stopWatching,
  };
}

/** Sends one active check to a target. Never rejects. */
function probe(checks: ActiveChecks, { host, port }: TargetEntity): Promise<Report> {
  const timeoutMs = checks.timeout * 1000;
  return new Promise((resolve) => {
    const send = checks.type === 'https' ? httpsRequest : httpRequest;
    const options = {
      host,
      port,
      path: checks.http_path,
      headers: checks.headers ?? {},
      timeout: timeoutMs,
      rejectUnauthorized: checks.https_verify_certificate,
      ...(checks.https_sni === undefined ? {} : { servername: checks.https_sni }),
      agent: false as const,
    };
    const request = send(options, (response) => {
      response.resume();
      resolve({ kind: 'status', status: response.statusCode ?? 0 });
    });
    request.on('timeout', () => {
      resolve({ kind: 'timeout' });
      request.destroy();
    });
    request.on('error', () => resolve({ kind: 'tcp-failure' }));
    request.end();
  });
}
