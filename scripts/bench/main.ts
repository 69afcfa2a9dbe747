/** `npm run bench`: runs the benchmarks, prints a table, and writes the figures as JSON to bench-results.json. */
import { writeFileSync } from 'node:fs';
import { benchPluginServer } from './plugin-server.js';

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
writeFileSync(RESULTS, `${JSON.stringify({ node: process.version, pluginServer }, null, 2)}\n`);
console.log(`written to ${RESULTS}`);
process.exit(0);

function rounded(figures: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [name, Math.round(Number(value) * 10) / 10]),
  );
}
