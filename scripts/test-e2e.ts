/** `npm run test:e2e -- --gateway local|kong`: the end-to-end suite on one gateway. Other arguments go to vitest. */
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  options: { gateway: { type: 'string', default: 'local' } },
  allowPositionals: true,
});
if (values.gateway !== 'local' && values.gateway !== 'kong') {
  console.error(`--gateway ${values.gateway}: local or kong`);
  process.exit(1);
}
const files = positionals.length > 0 ? positionals : ['test/e2e'];
const vitest = spawn('npx', ['--no', 'vitest', 'run', ...files], {
  stdio: 'inherit',
  env: { ...process.env, GATEWAY: values.gateway },
});
vitest.on('exit', (code) => process.exit(code ?? 1));
