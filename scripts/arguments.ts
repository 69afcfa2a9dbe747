/** The command lines of the `npm run` commands: `--help` is answered, and what does not fit is refused, in one line. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** Prints the usage and ends the process, if it is asked for. */
export function answerHelp(usage: string): void {
  if (!process.argv.includes('--help')) return;
  console.log(usage);
  process.exit(0);
}

/**
 * Node's parseArgs.
 * @param usage one line
 * @throws Error of one line that says what does not fit, and the usage
 */
export function readArguments<T extends ParseArgsConfig>(usage: string, config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    // Of what Node says, the first sentence: the rest is about arguments that only look like options.
    throw new Error(`${(error as Error).message.replace(/\. .*$/s, '')}; ${usage}`);
  }
}
