/**
 * Every process killed, stopped and slowed in turn, every service refusing, slow, failing and silent, while clients send
 * allowed, refused, large, broken and aborted requests through all plugins. What must hold meanwhile is in
 * chaos/invariants.ts. LONG=1 keeps each thing broken for longer, with the times that ship.
 */
import { createReadStream } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REDIS_MISSING } from '../../kong/testbed/redis-server.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { allowedMs } from '../support/allowed-time.js';
import { type Breaking, breakings, KONG_CLAIM_MS } from './chaos/disruptions.js';
import * as invariants from './chaos/invariants.js';
import { CLIENT_COUNT, type Load, startLoad } from './chaos/load.js';
import {
  CREDENTIAL_MARKERS,
  clientOf,
  DEADLINE_SECONDS,
  LOCK_MS,
  PERSONAL_DATA,
  QUOTA_LIMIT,
  QUOTA_WINDOW_SECONDS,
  READ_TIMEOUT_MS,
  READ_TRIES,
  type Surroundings,
  startSurroundings,
} from './chaos/surroundings.js';
import { GATEWAY_KIND } from './gateway.js';

const IS_LONG = Boolean(process.env.LONG);
const SKIPPED =
  REDIS_MISSING ?? (GATEWAY_KIND === 'docker' ? 'processes of a container have other numbers here' : undefined);

/** One handler that runs into its deadline, a service that is silent at every try, Kong's wait for an
 * instance, and a process that takes its place. */
const ANSWER_WITHIN_MS = DEADLINE_SECONDS * 1000 + READ_TRIES * READ_TIMEOUT_MS + KONG_CLAIM_MS + 5000;
/** Nothing is broken for so long at least between two disruptions, so that what goes wrong then is seen. */
const CALM_MS = IS_LONG ? 3000 : 0;
/** Served requests before the level is taken of what processes hold. */
const ENOUGH_WARM = 200;
/** At the end, in a row. */
const SERVED_AT_THE_END = 200;
/**
 * Open files beyond those before: Kong keeps connections to plugin servers that were used at once, and what piled up
 * behind a stopped process used one for each client and each of its log events.
 */
const MORE_OPEN_FILES = 4 * CLIENT_COUNT;
/** What the heap of a fresh process may grow to under pages of 1 MB, in MB: garbage that was not collected yet. */
const MORE_RESIDENT_MB = 100;

describe('under chaos', unless(SKIPPED), () => {
  let surroundings: Surroundings;
  const loads: Load[] = [];
  let before: invariants.Holdings;
  let after: invariants.Holdings;
  const disruptions: invariants.Disruption[] = [];
  const returns: invariants.Return[] = [];
  let quotaProcesses = 0;
  let loadEndedAt = 0;
  let received: invariants.Received[];
  let tokens: invariants.Token[];
  const byExchange = new Map<string, invariants.Received[]>();
  let all: readonly invariants.Exchange[] = [];
  let exchanges: ReadonlyMap<string, invariants.Exchange>;

  beforeAll(
    async () => {
      surroundings = await startSurroundings();
      before = await heldAfterWarmUp();
      const load = begin('chaos');
      await isServedSince('before anything is broken', Date.now(), 3000);
      const quotaPids = new Set(surroundings.gateway.pluginServerPids('genesys-quota'));
      for (const breaking of breakings(surroundings)) {
        await breakAndMend(breaking);
        for (const pid of surroundings.gateway.pluginServerPids('genesys-quota')) quotaPids.add(pid);
      }
      quotaProcesses = quotaPids.size;
      await waitFor('a calm end', () => isCalm(load.exchanges), 30_000);
      loadEndedAt = Date.now();
      await load.stop();
      after = await heldWhenIdle(before);
      received = surroundings.received();
      tokens = surroundings.tokens();
      for (const one of received) byExchange.set(one.exchangeId, [...(byExchange.get(one.exchangeId) ?? []), one]);
      all = loads.flatMap((each) => each.exchanges);
      exchanges = new Map(all.map((exchange) => [exchange.id, exchange]));
      console.log(summary());
    },
    IS_LONG ? 1_200_000 : 240_000,
  );
  afterAll(() => surroundings?.close());

  function begin(name: string): Load {
    const load = startLoad(surroundings.gateway.url, name, ANSWER_WITHIN_MS);
    loads.push(load);
    return load;
  }

  /** The level of a gateway that has served the same clients for a while. */
  async function heldAfterWarmUp(): Promise<invariants.Holdings> {
    const warmUp = begin('warm-up');
    await waitFor('a warm gateway', () => warmUp.exchanges.filter(invariants.isServed).length > ENOUGH_WARM, 60_000);
    await warmUp.stop();
    return surroundings.holdings();
  }

  async function heldWhenIdle(level: invariants.Holdings): Promise<invariants.Holdings> {
    const isClean = (): boolean => invariants.leftBehind(level, surroundings.holdings(), BOUNDS).length === 0;
    // If it never comes to that, the rule's own test tells what is left.
    await waitFor('nothing left behind', isClean, 20_000).catch(() => undefined);
    return surroundings.holdings();
  }

  async function breakAndMend(breaking: Breaking): Promise<void> {
    const { name, holdMs, backWithinMs, losesAnswers = false, cutsConnections = false } = breaking;
    const beganAt = Date.now();
    await breaking.begin();
    await waitFor(`${name} for ${holdMs} ms`, () => Date.now() - beganAt >= holdMs, holdMs + 5000);
    await breaking.end();
    const mendedAt = Date.now();
    await isServedSince(name, mendedAt, backWithinMs);
    await breaking.settle?.();
    const endedAt = breaking.settle === undefined ? mendedAt : Date.now();
    disruptions.push({ name, beganAt, endedAt, losesAnswers, cutsConnections });
    await waitFor('a while', () => Date.now() - mendedAt >= CALM_MS, CALM_MS + 5000);
  }

  /** Waits until each kind of allowed request was served since, and notes how long that took. */
  async function isServedSince(name: string, since: number, allowed: number): Promise<void> {
    const waits = invariants.ALLOWED_KINDS.map(async (kind) => {
      const isServed = () => firstServed(loads.at(-1)?.exchanges ?? [], kind, since);
      const first = await waitFor(`${kind} is served after: ${name}`, isServed, 10 * allowed);
      const extra = kind === 'short-token' ? LOCK_MS : 0;
      returns.push({ name, kind, ms: first.endedAt - since, allowedMs: allowedMs(allowed + extra) });
    });
    await Promise.all(waits);
  }

  function summary(): string {
    const byStatus = new Map<string, number>();
    for (const { kind, outcome, status } of all) {
      const key = `${kind} ${outcome === 'answered' ? status : outcome}`;
      byStatus.set(key, (byStatus.get(key) ?? 0) + 1);
    }
    const slowest = [...returns].sort((a, b) => b.ms - a.ms).slice(0, 5);
    return [
      `${all.length} requests, ${disruptions.length} disruptions`,
      [...byStatus]
        .sort()
        .map(([key, count]) => `${key}: ${count}`)
        .join(', '),
      `slowest returns: ${slowest.map(({ name, kind, ms }) => `${name}: ${kind} ${ms} ms`).join(', ')}`,
      `before ${JSON.stringify(before.processes)}`,
      `after ${JSON.stringify(after.processes)}`,
    ].join('\n');
  }

  const BOUNDS = { moreOpenFiles: MORE_OPEN_FILES, moreResidentMb: MORE_RESIDENT_MB };

  it('no request reaches Genesys without a valid token of it', () => {
    expect(received.length).toBeGreaterThan(1000);
    expect(invariants.uninjected(received, tokens, exchanges)).toEqual([]);
  });

  it('no request reaches a region with the token of another, or another client', () => {
    expect(received.filter(({ region }) => region === 'us').length).toBeGreaterThan(0);
    expect(invariants.inWrongRegion(received, tokens, exchanges, clientOf)).toEqual([]);
  });

  it("no request brings the client's own credentials to Genesys", () => {
    expect(invariants.forwardedCredentials(received, CREDENTIAL_MARKERS)).toEqual([]);
  });

  it('no answer holds a field that the filter does not let through', () => {
    expect(loads.flatMap(({ violations }) => violations.unfiltered)).toEqual([]);
  });

  it('no more requests are let through than the limit promises', () => {
    const windowOf = (ms: number): number => Math.floor(ms / 1000 / QUOTA_WINDOW_SECONDS);
    const asked = all.filter(({ kind }) => kind === 'over-quota');
    const ids = new Set(asked.map(({ id }) => id));
    const admitted = new Set(received.map(({ exchangeId }) => exchangeId).filter((id) => ids.has(id))).size;
    const windows = windowOf(loadEndedAt) - windowOf(asked[0]?.startedAt ?? loadEndedAt) + 1;
    const redisLosses = disruptions.filter(({ name }) => name === 'Redis killed').length;
    const count = { admitted, limit: QUOTA_LIMIT, windows, redisLosses, processLives: quotaProcesses };
    expect(asked.length).toBeGreaterThan(10 * QUOTA_LIMIT);
    expect(invariants.overAdmitted(count)).toEqual([]);
  });

  it('no log holds personal data', async () => {
    expect(await leaksOfFile(surroundings.auditLogPath)).toEqual([]);
    expect(invariants.leakedPersonalData(withoutNginxRequests(surroundings.gateway.log()), PERSONAL_DATA)).toEqual([]);
  });

  it(`every client is answered within ${ANSWER_WITHIN_MS} ms`, () => {
    expect(invariants.notAnswered(all, ANSWER_WITHIN_MS, disruptions)).toEqual([]);
  });

  it('every answer is one of the designed ones', () => {
    expect(loads.flatMap(({ violations }) => violations.undesigned)).toEqual([]);
  });

  it('no write that Genesys did is answered 5xx, or done twice', () => {
    expect(all.filter((one) => one.kind === 'write' && one.status >= 500).length).toBeGreaterThan(0);
    expect(invariants.failedThoughDone(all, byExchange, disruptions)).toEqual([]);
    expect(invariants.doneTwice(byExchange)).toEqual([]);
  });

  it('service is back in time after each disruption', () => {
    expect(invariants.lateReturns(returns)).toEqual([]);
    const allowedFor = ({ name }: invariants.Disruption): number =>
      Math.max(...returns.filter((one) => one.name === name).map((one) => one.allowedMs));
    expect(invariants.failedInCalm(all, disruptions, allowedFor, loadEndedAt)).toEqual([]);
  });

  it('nothing is left behind', () => {
    expect(invariants.leftBehind(before, after, BOUNDS)).toEqual([]);
  });
});

/** The first request of a kind that was sent since and served. Exchanges stand in the order of their ends. */
function firstServed(
  exchanges: readonly invariants.Exchange[],
  kind: invariants.Kind,
  since: number,
): invariants.Exchange | undefined {
  let found: invariants.Exchange | undefined;
  for (let index = exchanges.length - 1; index >= 0; index -= 1) {
    const one = exchanges[index];
    if (one === undefined || one.endedAt < since) break;
    if (one.kind === kind && one.startedAt >= since && invariants.isServed(one)) found = one;
  }
  return found;
}

/** Whether the last requests, in a row, were served. */
function isCalm(exchanges: readonly invariants.Exchange[]): boolean {
  const kinds: readonly invariants.Kind[] = invariants.ALLOWED_KINDS;
  const last = exchanges
    .slice(-5 * SERVED_AT_THE_END)
    .filter(({ kind }) => kinds.includes(kind))
    .slice(-SERVED_AT_THE_END);
  return last.length === SERVED_AT_THE_END && last.every(invariants.isServed);
}

/** nginx ends its own error lines with the client's and the service's request lines, queries too: no plugin has a say in that. */
function withoutNginxRequests(log: string): string {
  return log.replace(/, (request|upstream): "[^"\n]*"/g, '');
}

/** Searches a log that may be long, in pieces that overlap. */
async function leaksOfFile(path: string): Promise<string[]> {
  const found: string[] = [];
  let tail = '';
  for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 22 })) {
    const piece = tail + String(chunk);
    found.push(...invariants.leakedPersonalData(piece, PERSONAL_DATA));
    tail = piece.slice(-200);
  }
  expect(tail).not.toBe('');
  return found;
}
