/**
 * `npm run bench -- --gateway kong|local [--only NAME,...] [--requests N]`: runs the benchmarks, prints a table, and writes
 * the figures as JSON to bench-results.json. `--only memory`, which takes long and is no part of the rest, sends a million
 * requests unless `--requests` says otherwise.
 */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { kongMissing } from '../../kong/testbed/native-kong.js';
import { answerHelp, readArguments } from '../arguments.js';
import type { Alone } from './alone.js';
import { benchMaskAlone, benchPiiLog } from './cases/pii-log.js';
import { benchQuota } from './cases/quota.js';
import { benchFilterAlone, benchResponseFilter } from './cases/response-filter.js';
import type { CaseResult } from './cases/result.js';
import { benchSuite } from './cases/suite.js';
import { benchTelemetry } from './cases/telemetry.js';
import { benchTokenManager } from './cases/token-manager.js';
import { benchMemory, benchStart } from './endurance.js';
import type { GatewayKind } from './gateways.js';
import { benchPluginServer } from './plugin-server.js';
import { nginxMissing } from './static-upstream.js';

const RESULTS = 'bench-results.json';
/** A machine with nothing else to do has less (uptime(1)). */
const BUSY_LOAD = 0.5;
const USUAL_PARTS = [
  'server',
  'filter-alone',
  'mask-alone',
  'token',
  'quota',
  'filter',
  'log',
  'suite',
  'telemetry',
  'start',
];
const PARTS = [...USUAL_PARTS, 'memory'];
const USAGE = `usage: npm run bench -- [--gateway kong|local] [--only PART,...] [--requests N]; parts: ${PARTS.join(', ')}`;

answerHelp(USAGE);
const { values } = readCommandLine();
const chosen = values.only.split(',');
const kind = gatewayKind(values.gateway);
const fault =
  chosen
    .filter((name) => !PARTS.some((part) => part === name))
    .map((name) => `--only ${name}: ${PARTS.join(', ')}`)[0] ??
  (Number.isSafeInteger(Number(values.requests)) ? undefined : `--requests ${values.requests}: a number`) ??
  (kind === undefined ? `--gateway ${values.gateway}: local or kong` : undefined) ??
  (kind === 'kong' ? kongMissing() : undefined) ??
  nginxMissing();
if (fault !== undefined || kind === undefined) {
  console.error(fault);
  process.exit(1);
}

const [load = 0] = loadavg();
if (load > BUSY_LOAD)
  console.warn(`this machine is busy (load ${load.toFixed(1)}): ratios are less exact, and other figures mean nothing`);
const results: Record<string, unknown> = { node: process.version, gateway: kind, load };
await benchAlone(results);
await benchOn(kind, results);
writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
console.log(`written to ${RESULTS}`);
process.exit(0);

function readCommandLine() {
  try {
    return readArguments(USAGE, {
      options: {
        gateway: { type: 'string', default: kongMissing() === undefined ? 'kong' : 'local' },
        only: { type: 'string', default: USUAL_PARTS.join(',') },
        requests: { type: 'string', default: '1000000' },
      },
    });
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

/** What needs no gateway. */
async function benchAlone(into: Record<string, unknown>): Promise<void> {
  if (chosen.includes('server')) {
    const bench = await benchPluginServer();
    console.log('plugin server, one header read and one independent header set, 16 connections (medians)');
    console.table({ ours: rounded(bench.ours), 'kong-js-pluginserver': rounded(bench.kongJsPluginServer) });
    console.log('resident memory in MB; 300,000 events, then 300,000 with an exit');
    console.table(rounded(bench.memory));
    into.pluginServer = bench;
  }
  if (chosen.includes('filter-alone')) into.filterAlone = printAlone('the filter', await benchFilterAlone());
  if (chosen.includes('mask-alone')) into.maskAlone = printAlone('masking', await benchMaskAlone());
}

function printAlone(what: string, bench: Alone[]): Alone[] {
  for (const { bytes, workMs, parseAndStringifyMs } of bench) {
    const ratio = (workMs / parseAndStringifyMs).toFixed(2);
    const parse = `JSON.parse and JSON.stringify (${parseAndStringifyMs.toFixed(4)} ms)`;
    console.log(`${what} alone on ${bytes} bytes: ${workMs.toFixed(4)} ms, ${ratio} of ${parse}`);
  }
  return bench;
}

/** What goes through a gateway: the table, start-up and memory. */
async function benchOn(gateway: GatewayKind, into: Record<string, unknown>): Promise<void> {
  const cases: CaseResult[] = [];
  if (chosen.includes('token')) cases.push(await benchTokenManager(gateway));
  if (chosen.includes('quota')) cases.push(...(await benchQuota(gateway)));
  if (chosen.includes('filter')) cases.push(...(await benchResponseFilter(gateway)));
  if (chosen.includes('log')) cases.push(...(await benchPiiLog(gateway)));
  if (chosen.includes('suite')) cases.push(...(await benchSuite(gateway)));
  if (cases.length > 0) {
    console.log(
      `on ${gateway === 'kong' ? 'Kong, one nginx worker' : 'the local gateway'}; medians; processor time a request`,
    );
    console.table(cases.flatMap(tableRows));
    into.cases = cases.map(({ rows, ratios, ...rest }) => ({
      ...rest,
      ratios: Object.fromEntries(ratios),
      rows: Object.fromEntries(rows),
    }));
  }
  if (chosen.includes('telemetry')) {
    const telemetry = await benchTelemetry(gateway);
    console.log('throughput with metrics and OpenTelemetry by that without, measured in turns');
    console.table(telemetry.flatMap(({ name, rows }) => rows.map((row) => ({ case: name, ...row }))));
    into.telemetry = telemetry;
  }
  if (chosen.includes('start')) {
    const start = Object.fromEntries(await benchStart(gateway));
    console.log('from the start command to the first request served, all four plugins, in ms (medians)');
    console.table(rounded(start));
    into.startMs = start;
  }
  if (chosen.includes('memory')) {
    const memory = Object.fromEntries(await benchMemory(gateway, Number(values.requests)));
    console.log(
      `resident memory in MB: at start, warm, after ${values.requests} more requests through all four plugins`,
    );
    console.table(Object.fromEntries(Object.entries(memory).map(([name, figures]) => [name, rounded(figures)])));
    into.memoryMb = memory;
  }
}

function tableRows({ name, connections, rows, ratios }: CaseResult): Record<string, string | number>[] {
  return [...rows].map(([row, result]) => ({
    case: name,
    connections,
    row,
    ratio: round(ratios.get(row)?.ratio ?? Number.NaN, 2),
    of: ratios.get(row)?.of ?? '',
    'requests/s': Math.round(result.requestsPerSecond),
    failed: result.failed,
    'p50 ms': round(result.p50Ms, 2),
    'p99 ms': round(result.p99Ms, 2),
    'gateway µs': Math.round(result.gatewayCpuMicros),
    'plugins µs': Math.round(result.pluginCpuMicros),
  }));
}

function rounded(figures: object): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, round(Number(value), 1)]));
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function gatewayKind(name: string): GatewayKind | undefined {
  return name === 'kong' || name === 'local' ? name : undefined;
}
