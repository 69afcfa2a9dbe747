/** The Genesys Cloud simulator alone, in the foreground: `node dist/scripts/simulator.js [--port 8090]`. Loopback only. */
import { parseArgs } from 'node:util';
import { DEFAULT_CLIENT, DEMO_APP, startGenesysCloud } from '../kong/testbed/genesys-cloud/index.js';

const { values } = parseArgs({ options: { port: { type: 'string', default: '8090' } } });
const simulator = await startGenesysCloud({ port: Number(values.port), clients: [DEFAULT_CLIENT, DEMO_APP] });
console.log(`Genesys Cloud (simulator)  ${simulator.url}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => void simulator.close().then(() => process.exit(0)));
}
