/**
 * `npm run test:e2e -- --gateway local|kong|docker`: the end-to-end suite on one gateway. With `--form combined`, every
 * configuration is combined first, as `kong-genesys-cloud combine` does: both forms must pass. Other arguments go to
 * vitest, its options after another `--`. Where no container engine answers, `docker` says so and succeeds: a machine without one is no fault of what is tested.
 */
import { spawn } from 'node:child_process';
import { dockerMissing } from '../kong/testbed/docker-kong.js';
import { NOT_IN_A_CONTAINER } from '../kong/testbed/docker-kong-settings.js';
import { answerHelp, readArguments } from './arguments.js';

const USAGE =
  'usage: npm run test:e2e -- [--gateway local|kong|docker] [--form separate|combined] [FILE...] [-- OPTION-OF-VITEST...]';

answerHelp(USAGE);
const { values, positionals } = settings();
const end = process.argv.indexOf('--');
const options = end === -1 ? [] : process.argv.slice(end + 1);
const files = positionals.slice(0, positionals.length - options.length);
const args = [...(files.length > 0 ? files : ['test/e2e']), ...options];
if (values.gateway === 'docker') {
  const missing = await dockerMissing();
  if (missing !== undefined) {
    console.log(`all end-to-end tests skipped: ${missing}`);
    process.exit(0);
  }
  for (const [file, reason] of Object.entries(NOT_IN_A_CONTAINER)) {
    console.log(`skipped: test/e2e/${file}: ${reason}`);
  }
  args.push('--passWithNoTests');
}
const vitest = spawn('npx', ['--no', 'vitest', 'run', ...args], {
  stdio: 'inherit',
  env: { ...process.env, GATEWAY: values.gateway, FORM: values.form },
});
vitest.on('exit', (code) => process.exit(code ?? 1));

function settings() {
  try {
    const read = readArguments(USAGE, {
      options: {
        gateway: { type: 'string', default: 'local' },
        form: { type: 'string', default: 'separate' },
      },
      allowPositionals: true,
    });
    const { gateway, form } = read.values;
    if (!['separate', 'combined'].includes(form)) throw new Error(`--form ${form}: separate or combined`);
    if (!['local', 'kong', 'docker'].includes(gateway)) throw new Error(`--gateway ${gateway}: local, kong or docker`);
    return read;
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}
