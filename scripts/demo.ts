/**
 * `npm run demo`: starts what `npm start` starts, plays its six lines as somebody would type them, and stops it. `--cast`
 * records that in asciinema's format, `--picture` as the picture of the README.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { runs } from '../kong/testbed/runs.js';
import { answerHelp, readArguments } from './arguments.js';
import { toPicture } from './demo/picture.js';
import { type Output, toCast } from './demo/recording.js';
import { CLEAR, closing, opening } from './demo/session.js';
import { startForDemo } from './demo/start.js';
import { coloursFor, wantsColour } from './demo/steps.js';

const USAGE =
  'usage: npm run demo -- [--fast] [--cast FILE] [--picture FILE] [--port N] [--simulator-port N] [--page-port N]';

const SIZE = { width: 110, height: 30 };
const TITLE = 'Genesys Cloud behind a gateway, in six commands';
/** What a command prints at once is not there at once: the audit log is written after the answer. */
const SETTLE_MS = 700;

const run = promisify(execFile);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function demo(): Promise<void> {
  const { values } = readArguments(USAGE, {
    options: {
      fast: { type: 'boolean', default: false },
      cast: { type: 'string' },
      picture: { type: 'string' },
      port: { type: 'string', default: '8000' },
      'simulator-port': { type: 'string', default: '8090' },
      'page-port': { type: 'string', default: '8070' },
    },
  });
  if (!runs('curl', '--version')) throw new Error('the demo needs curl');
  const ports = ['port', 'simulator-port', 'page-port'] as const;
  const started = await startForDemo(ports.flatMap((name) => [`--${name}`, values[name]]));
  const outputs: Output[] = [];
  const seen = coloursFor(wantsColour(process.stdout.isTTY, process.env));
  const recorded = coloursFor(true);

  /** Prints in the colours of this terminal, and records in all. */
  async function play(make: (colours: typeof seen) => Output[]): Promise<void> {
    outputs.push(...make(recorded));
    for (const { waitMs, text } of make(seen)) {
      if (!values.fast) await sleep(waitMs);
      // A file keeps what a terminal clears.
      process.stdout.write(process.stdout.isTTY ? text : text.replace(CLEAR, '\n'));
    }
  }

  try {
    for (const [index, step] of started.steps.entries()) {
      await play((colours) => opening(step, index + 1, started.steps.length, colours));
      const { stdout, stderr } = await run('sh', ['-c', step.command]);
      await play((colours) => closing(step, stdout + stderr, SIZE, colours));
      await sleep(SETTLE_MS);
    }
  } finally {
    await started.stop();
  }
  if (values.cast !== undefined) writeFileSync(values.cast, toCast(outputs, SIZE, TITLE));
  if (values.picture !== undefined) writeFileSync(values.picture, toPicture(outputs, SIZE, TITLE));
}

answerHelp(USAGE);
demo().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
