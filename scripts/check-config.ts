/** `npm run check-config -- kong.yml...`: `kong-genesys-cloud check`, whose rules are to hold. */
import { CHECK_USAGE, check } from '../kong/config-check/command.js';
import { answerHelp } from './arguments.js';

answerHelp(CHECK_USAGE);
try {
  const { text, errors, exitCode } = check(['--rules', 'fail', ...process.argv.slice(2)]);
  process.stdout.write(text);
  process.stderr.write(errors);
  process.exitCode = exitCode;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
