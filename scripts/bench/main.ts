/**
 * `npm run bench`: runs the benchmarks, prints tables, and writes the figures as JSON to bench-results.json. Those on a
 * real Kong run where there are Kong and nginx.
 */
import { writeFileSync } from 'node:fs';
import { kongMissing } from '../native-kong.js';
import type { RowResult } from './kong-rows.js';
import { benchPluginServer } from './plugin-server.js';
import { benchQuota } from './quota.js';
import { benchResponseFilter } from './response-filter.js';
import { nginxMissing } from './static-upstream.js';

const RESULTS = 'bench-results.json';

const pluginServer = await benchPluginServer();
const { ours, kongJsPluginServer, memory } = pluginServer;
console.log('plugin server, one header read and one independent header set, 16 connections (medians)');
console.table({
  ours: rounded(ours),
  'kong-js-pluginserver': rounded(kongJsPluginServer),
});
console.log(`throughput: ${pluginServer.throughputRatio.toFixed(2)} times kong-js-pluginserver's`);
console.log('resident memory in MB; 300,000 events, then 300,000 with an exit');
console.table(rounded(memory));
const onKong = await benchOnKong();
writeFileSync(RESULTS, `${JSON.stringify({ node: process.version, pluginServer, ...onKong }, null, 2)}\n`);
console.log(`written to ${RESULTS}`);
process.exit(0);

async function benchOnKong(): Promise<Record<string, unknown>> {
  const missing = kongMissing() ?? nginxMissing();
  if (missing !== undefined) {
    console.log(`left out, what runs on a real Kong: ${missing}`);
    return {};
  }
  const quota = await benchQuota();
  console.log('limits on Kong, one worker, 16 connections (medians)');
  console.table(table(quota));
  const filter = await benchResponseFilter();
  for (const { users, bytes, rows, filterMs, parseAndStringifyMs } of filter) {
    console.log(`a page of ${users} users (${bytes} bytes) with id, name and email left, on Kong (medians)`);
    console.table(table(rows));
    const ratio = (filterMs / parseAndStringifyMs).toFixed(2);
    console.log(
      `the filter alone: ${filterMs.toFixed(3)} ms, ${ratio} of JSON.parse and JSON.stringify (${parseAndStringifyMs.toFixed(3)} ms)`,
    );
  }
  const pages = filter.map(({ rows, ...page }) => ({ ...page, rows: Object.fromEntries(rows) }));
  return { quota: Object.fromEntries(quota), responseFilter: pages };
}

function table(rows: ReadonlyMap<string, RowResult>): Record<string, Record<string, number>> {
  return Object.fromEntries([...rows].map(([name, result]) => [name, rounded(result)]));
}

function rounded(figures: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [name, Math.round(Number(value) * 10) / 10]),
  );
}
