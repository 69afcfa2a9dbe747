/**
 * A receiver that fails half of the time, in every way in which one can: each request is sent, spilled or counted as
 * dropped, exactly. A few thousand requests, or with LONG=1 as many as go through in ten minutes.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../kong/testbed/free-port.js';
import { createRandom } from '../../kong/testbed/genesys-cloud/data/random.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import type { SinkStats } from '../../plugins/genesys-pii-log/sinks/sink.js';
import { openAuditLog } from '../support/audit-log.js';
import { type HttpReceiver, startHttpReceiver, type Wish } from '../support/http-receiver.js';
import { type MirrorService, startMirrorService } from '../support/mirror-service.js';
import { type Gateway, startGateway } from './gateway.js';

const isLong = process.env.LONG === '1';
const LONG_MS = 600_000;
const REQUESTS = 3000;
const CONNECTIONS = 16;
/** Far longer than an answer takes on a busy machine: who gives up on one that comes must send the entries again. */
const TIMEOUT_MS = 3000;
const ENOUGH_FAILURES = 8;

let logDir: string;
let gateway: Gateway;
let mirror: MirrorService;
let spilling: Counting;
let dropping: Counting;
let operator: string;

/** A receiver that remembers of entries nothing but their ids. */
interface Counting {
  receiver: HttpReceiver;
  taken: Map<string, number>;
  reportedDrops: number;
  failures: number;
  /** While set, half of all requests fail. */
  isFailing: boolean;
}

const FAILURES: readonly [Wish, ...Wish[]] = [500, 503, 429, 'close', 500, 503, 429, 'close', 'hang'];

async function startCounting(seed: string): Promise<Counting> {
  const random = createRandom(seed);
  const receiver = await startHttpReceiver();
  const counting: Counting = { receiver, taken: new Map(), reportedDrops: 0, failures: 0, isFailing: true };
  receiver.answer = (_, { entries }) => {
    receiver.taken.length = 0;
    receiver.refused.length = 0;
    if (counting.isFailing && random.int(0, 1) === 0) {
      counting.failures += 1;
      return random.pick(FAILURES);
    }
    for (const { type, request_id: id, dropped } of entries) {
      if (type === 'report') counting.reportedDrops += Number(dropped);
      else counting.taken.set(String(id), (counting.taken.get(String(id)) ?? 0) + 1);
    }
    return 200;
  };
  return counting;
}

beforeAll(async () => {
  logDir = mkdtempSync(join(tmpdir(), 'audit-'));
  mirror = await startMirrorService();
  spilling = await startCounting('spilling');
  dropping = await startCounting('dropping');
  const port = await freePort();
  operator = `http://127.0.0.1:${port}`;
  const http = { type: 'http', batch_entries: 40, flush_ms: 20, timeout_ms: TIMEOUT_MS };
  const sinks = [
    { ...http, url: spilling.receiver.url, spill_path: join(logDir, 'spill.log'), max_attempts: 2 },
    { ...http, url: dropping.receiver.url },
  ];
  const log = { name: 'genesys-pii-log', config: { sinks, queue_entries: 100 } };
  const routes = [{ name: 'mirror', paths: ['/m'], plugins: [log] }];
  gateway = await startGateway({
    config: { services: [{ name: 'mirror', url: mirror.url, routes }] },
    plugins: [
      {
        name: 'genesys-pii-log',
        script: 'bin/genesys-pii-log.js',
        args: ['--log-dir', logDir, '--metrics', `127.0.0.1:${port}`],
      },
    ],
  });
});
afterAll(async () => {
  await gateway?.close();
  await Promise.all([mirror?.close(), spilling?.receiver.close(), dropping?.receiver.close()]);
  rmSync(logDir, { recursive: true, force: true });
});

interface Log {
  requests: { access_events: number; log_events: number; lost_log_events: number; waiting: number };
  entries: { logged: number; failed: number };
  sinks: SinkStats[];
}

async function readLog(): Promise<Log> {
  return (await (await fetch(`${operator}/log`)).json()) as Log;
}

/** Of answers that were not as they should be: they have entries, too, and are told of in the end. */
const otherStatuses: number[] = [];

async function send(sent: Set<string>): Promise<void> {
  const response = await fetch(`${gateway.url}/m/mirror`, { method: 'POST', body: '{"id":1}' });
  await response.arrayBuffer();
  if (response.status !== 200) otherStatuses.push(response.status);
  sent.add(response.headers.get('x-kong-request-id') ?? '');
}

/** What the operator's port says of a metric. */
async function metric(name: string, labels: string): Promise<number> {
  const text = await (await fetch(`${operator}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name}{`) && one.includes(labels));
  return Number(line?.split('} ')[1]);
}

it(`sent + spilled + dropped = requests, ${isLong ? 'for ten minutes' : `of ${REQUESTS} and more`}`, async () => {
  const sent = new Set<string>();
  const endMs = performance.now() + LONG_MS;
  let begun = 0;
  // On a fast machine more requests than usual come before so many batches.
  const hasFailed = (): boolean => spilling.failures >= ENOUGH_FAILURES && dropping.failures >= ENOUGH_FAILURES;
  const goesOn = (): boolean => (isLong ? performance.now() < endMs : begun < REQUESTS || !hasFailed());
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (goesOn()) {
        begun += 1;
        await send(sent);
      }
    }),
  );
  expect(sent.size).toBe(begun);
  spilling.isFailing = false;
  dropping.isFailing = false;
  const isDone = async (count: number): Promise<Log | false> => {
    const log = await readLog();
    return log.entries.logged === count && log.sinks.every(({ waiting }) => waiting === 0) && log;
  };
  await waitFor('the queues to be empty', () => isDone(begun), 60_000);
  // What was dropped is told before the next batch.
  await send(sent);
  const log = await waitFor('the queues to be empty', () => isDone(sent.size), 60_000);
  expect(log.requests).toMatchObject({ access_events: sent.size, lost_log_events: 0, waiting: 0 });
  expect(log.entries).toMatchObject({ logged: sent.size, failed: 0 });

  const statsOf = (name: string): SinkStats => log.sinks.find((sink) => sink.name === name) ?? expect.fail(name);
  const [a, b] = [spilling, dropping].map(({ receiver }) => statsOf(`http ${new URL(receiver.url).host}`)) as [
    SinkStats,
    SinkStats,
  ];
  const spill = statsOf(`spill ${join(logDir, 'spill.log')}`);
  const spilled = openAuditLog(join(logDir, 'spill.log'))
    .entries()
    .map(({ request_id: id }) => String(id));

  // Else entries may arrive twice, as the README says, and this test could not count.
  expect([spilling.receiver.unheard, dropping.receiver.unheard]).toEqual([0, 0]);
  // With a spill nothing is lost, and nothing is in both places.
  expect(new Set([...spilling.taken.keys(), ...spilled])).toEqual(sent);
  expect([...spilling.taken].filter(([, times]) => times !== 1)).toEqual([]);
  expect(spilling.taken.size + spilled.length).toBe(sent.size);
  expect(a).toMatchObject({ received: sent.size, sent: spilling.taken.size, spilled: spilled.length, dropped: 0 });
  expect(spill).toMatchObject({ received: spilled.length, sent: spilled.length, dropped: 0 });

  // Without one, what is missing is counted, and the receiver is told of it.
  expect([...dropping.taken].filter(([, times]) => times !== 1)).toEqual([]);
  expect([...dropping.taken.keys()].every((id) => sent.has(id))).toBe(true);
  expect(dropping.taken.size + b.dropped).toBe(sent.size);
  expect(b).toMatchObject({ received: sent.size, sent: dropping.taken.size, spilled: 0 });
  expect(dropping.reportedDrops).toBe(b.dropped);

  // None of this was for nothing.
  for (const { failures } of [a, b]) expect(failures).toBeGreaterThanOrEqual(ENOUGH_FAILURES);
  expect(spilled.length).toBeGreaterThan(0);
  expect(b.dropped).toBeGreaterThan(0);
  const label = (stats: SinkStats, outcome: string): string => `sink="${stats.name}",outcome="${outcome}"`;
  expect(await metric('genesys_pii_log_entries_total', label(b, 'dropped'))).toBe(b.dropped);
  expect(await metric('genesys_pii_log_entries_total', label(a, 'spilled'))).toBe(a.spilled);
  expect(otherStatuses).toEqual([]);
  console.log(
    `${sent.size} requests; with a spill ${a.sent} sent, ${a.spilled} spilled; without ${b.sent} sent, ${b.dropped} dropped`,
  );
}, 780_000);
