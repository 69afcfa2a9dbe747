/**
 * What metrics and OpenTelemetry cost: the same plugins in processes that differ in nothing but the flags, on one gateway,
 * measured in turns. A static service plays the collector, and the metrics are scraped.
 */

import { freePort } from '../../../kong/testbed/free-port.js';
import { cpuSeconds } from '../../../kong/testbed/processes.js';
import type { BenchGateway, GatewayKind } from '../gateways.js';
import { type LoadRequest, runLoad } from '../http-load.js';
import { type Row, requestOf, type Setup, withRows } from '../rows.js';
import { startStaticUpstream } from '../static-upstream.js';
import { COMBINED, sharedName, sharedServer } from '../variants.js';
import { SUITE, withSuite } from './suite.js';

const OFF = 'off';
/** As in prometheus.yml. */
const SCRAPE_MS = 15_000;
const BYTES = 13_000;
const CONNECTIONS = 16;
const WARM_UP_MS = 4000;
const ROUNDS = 30;
/** Spans are sent a second after they end. */
const MOMENT_MS = 700;
/** How long is looked what a process uses with nothing to do. */
const IDLE_MS = 10_000;

/** A row's throughput by that of the first, and the processor time of a request. */
export interface ComparedRow {
  row: string;
  throughput: number;
  /** Where it is in 19 of 20 runs. */
  from: number;
  to: number;
  'throughput by processor time': number;
  'gateway µs': number;
  'plugins µs': number;
  requests: number;
}

export interface Comparison {
  name: string;
  rows: ComparedRow[];
}

/** Runs the cases. */
export async function benchTelemetry(kind: GatewayKind): Promise<Comparison[]> {
  const collector = await startStaticUpstream({ '/v1/traces': { body: '{}' }, '/v1/metrics': { body: '{}' } });
  const ports = [await freePort(), await freePort()];
  const metrics = (port: number | undefined): string[] => ['--metrics', `127.0.0.1:${port}`];
  const otlp = (ratio: string): string[] => ['--otlp', collector.url, '--otlp-metrics', '--otlp-sample', ratio];
  const flags: Readonly<Record<string, string[]>> = {
    [OFF]: [],
    // The same once more: how far the figures can be trusted.
    'off, again': [],
    'metrics and otlp': [...metrics(ports[0]), ...otlp('0.1')],
    'metrics and otlp, every request': [...metrics(ports[1]), ...otlp('1')],
  };
  const scrape = setInterval(() => {
    for (const port of ports)
      void fetch(`http://127.0.0.1:${port}/metrics`).then(
        (answer) => answer.text(),
        () => '',
      );
  }, SCRAPE_MS);
  try {
    return await withSuite(async (suite) => {
      const results: Comparison[] = [];
      for (const [name, parts] of [
        ['all four, separate', [...SUITE]],
        ['all four, combined', [COMBINED]],
        ['quota and tokens, separate', ['genesys-quota', 'genesys-token-manager']],
        ['quota and tokens, combined', [`${COMBINED}-unbuffered`]],
      ] as const) {
        const { rows, files, args } = suite(kind, BYTES);
        const isLight = name.startsWith('quota');
        const model = rows.find((row) => row.name === (parts.length === 1 ? 'combined' : 'ours, one process'));
        if (model === undefined) throw new Error('the suite has no such row');
        const rowOf = (variant: string): Row => ({
          name: variant,
          path: model.path,
          ...(isLight || model.accepts === undefined ? {} : { accepts: model.accepts }),
          plugins: pluginsOf(model, parts, tagOf(variant), isLight),
        });
        const setup = {
          rows: Object.keys(flags).map(rowOf),
          files,
          servers: Object.entries(flags).flatMap(([variant, own]) =>
            sharedServer(SUITE, [...args, ...own], tagOf(variant)),
          ),
        };
        results.push(await withRows(kind, setup, (gateway) => measureInTurns(gateway, setup, name)));
      }
      return results;
    });
  } finally {
    clearInterval(scrape);
    await collector.close();
  }
}

/** A name without what Kong does not take in the name of a plugin. */
function tagOf(variant: string): string {
  return variant.replaceAll(/[ ,]+/g, '-');
}

/** The plugins of a row of the suite, in the process of a variant. */
function pluginsOf(model: Row, parts: readonly string[], tag: string, isLight: boolean): Row['plugins'] {
  return model.plugins.flatMap(({ name, config }) => {
    if (name === 'key-auth') return [{ name, config }];
    if (name === sharedName(COMBINED)) {
      const { quota, token_manager } = config;
      return [{ name: sharedName(parts[0] ?? '', tag), config: isLight ? { quota, token_manager } : config }];
    }
    const part = parts.find((one) => sharedName(one) === name);
    return part === undefined ? [] : [{ name: sharedName(part, tag), config }];
  });
}

/**
 * Measures each row for a moment, again and again, so that what else the machine does falls on all of them. Throughput is
 * the median over the rounds of a row's requests by those of the first row in the same round. On a machine with other work
 * it says little; processor time says more, since that is what throughput ends at. Of the plugin server it is what its
 * process has used in its moments, and what it has used between them beyond what it uses with nothing to do: spans are sent
 * a second late.
 */
async function measureInTurns(gateway: BenchGateway, setup: Setup, name: string): Promise<Comparison> {
  const turns = setup.rows.map((row, index): Turn => {
    const pid = gateway.pluginPid(row.plugins.at(-1)?.name ?? '');
    if (pid === undefined) throw new Error(`${row.name}: no plugin server`);
    return {
      pid,
      request: requestOf(gateway, index, setup),
      ratios: [],
      requests: 0,
      gatewaySeconds: 0,
      ownSeconds: 0,
      before: 0,
    };
  });
  for (const { request } of turns) await runLoad(request, CONNECTIONS, WARM_UP_MS);
  const began = performance.now();
  for (const turn of turns) turn.before = cpuSeconds(turn.pid);
  const gatewaySeconds = (): number => gateway.gatewayPids().reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  for (let round = 0; round < ROUNDS; round += 1) {
    const loads = new Map<Turn, number>();
    // In another order each time: a row is measured after each of the others.
    for (const turn of shuffled(turns)) {
      const [before, ownBefore] = [gatewaySeconds(), cpuSeconds(turn.pid)];
      const load = await runLoad(turn.request, CONNECTIONS, MOMENT_MS);
      if (load.failed > 0) throw new Error(`${name}: ${load.failed} requests failed`);
      turn.gatewaySeconds += gatewaySeconds() - before;
      turn.ownSeconds += cpuSeconds(turn.pid) - ownBefore;
      turn.requests += load.requests;
      loads.set(turn, load.requestsPerSecond);
    }
    const [first] = turns;
    for (const turn of turns) turn.ratios.push((loads.get(turn) ?? 0) / ((first && loads.get(first)) ?? Number.NaN));
  }
  const betweenMs = performance.now() - began - ROUNDS * MOMENT_MS;
  const used = turns.map(({ pid, before }) => cpuSeconds(pid) - before);
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const micros = turns.map(({ pid, before, gatewaySeconds: seconds, ownSeconds, requests }, index) => {
    const total = used[index] ?? 0;
    const idle = ((cpuSeconds(pid) - before - total) * betweenMs) / IDLE_MS;
    const late = Math.max(0, total - ownSeconds - idle);
    return { gateway: (seconds * 1e6) / requests, plugins: ((ownSeconds + late) * 1e6) / requests };
  });
  const total = (index: number): number => (micros[index]?.gateway ?? 0) + (micros[index]?.plugins ?? 0);
  const rows = turns.map(({ ratios, requests }, index): ComparedRow => {
    const sorted = ratios.sort((x, y) => x - y);
    const at = (part: number): number => round3(sorted[Math.floor(sorted.length * part)]);
    // Of the median, by its binomial distribution.
    const half = 0.98 / Math.sqrt(sorted.length);
    return {
      row: setup.rows[index]?.name ?? '',
      throughput: at(0.5),
      from: at(0.5 - half),
      to: at(0.5 + half),
      'throughput by processor time': round3(total(0) / total(index)),
      'gateway µs': Math.round(micros[index]?.gateway ?? 0),
      'plugins µs': Math.round(micros[index]?.plugins ?? 0),
      requests,
    };
  });
  return { name, rows };
}

interface Turn {
  /** Of the row's plugin server. */
  pid: number;
  request: LoadRequest;
  ratios: number[];
  requests: number;
  gatewaySeconds: number;
  /** Of the plugin server in its moments. */
  ownSeconds: number;
  /** Seconds of the processor that the plugin server had used. */
  before: number;
}

function round3(value = Number.NaN): number {
  return Math.round(value * 1000) / 1000;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
