/** The decK binary: runs it, and lets nothing of what it says through unread. */
import { execFile } from 'node:child_process';
import { redact } from './redact.js';

export interface DeckOutput {
  failed: boolean;
  stdout: string;
  /** What went wrong, one line each, without the secrets that are known. */
  errors: string[];
}

export interface Deck {
  /** Runs a command; never throws for what decK refuses. */
  run(...args: string[]): Promise<DeckOutput>;
  /** The same, with variables that are used unless they are set. */
  runWith(defaults: NodeJS.ProcessEnv, ...args: string[]): Promise<DeckOutput>;
  /** The same, with the standard output. @throws Error of decK's words, without secrets */
  need(...args: string[]): Promise<string>;
  /** Takes out what must not be read. */
  redact(text: string): string;
  /** Secrets that have been met since. */
  addSecrets(secrets: readonly string[]): void;
}

const MAX_OUTPUT_BYTES = 268_435_456;

/**
 * @param binary its path, or its name on PATH
 * @param secrets that decK may repeat
 */
export function createDeck(binary: string, env: NodeJS.ProcessEnv, secrets: readonly string[]): Deck {
  const known = [...secrets];
  const clean = (text: string): string => redact(text, known);

  async function runWith(defaults: NodeJS.ProcessEnv, ...args: string[]): Promise<DeckOutput> {
    return new Promise((resolve, reject) => {
      execFile(
        binary,
        ['--analytics=false', '--no-color', ...args],
        { env: { ...defaults, ...env }, maxBuffer: MAX_OUTPUT_BYTES },
        (error, stdout, stderr) => {
          if ((error as NodeJS.ErrnoException | null)?.code === 'ENOENT') {
            reject(new Error(`${binary} is not there: install decK, or name it by DECK_BIN`));
            return;
          }
          const errors = clean(stderr)
            .split('\n')
            .map((line) => line.replace(/^Error: /, '').trim())
            .filter((line) => line !== '');
          resolve({ failed: error !== null, stdout, errors });
        },
      );
    });
  }

  const run: Deck['run'] = (...args) => runWith({}, ...args);
  return {
    run,
    runWith,
    async need(...args) {
      const { failed, stdout, errors } = await run(...args);
      if (!failed) return stdout;
      const command = args.filter((arg) => !arg.startsWith('-')).slice(0, 2);
      throw new Error([`deck ${command.join(' ')}: ${errors.join('; ') || 'failed'}`, ...hints(errors)].join('\n'));
    },
    redact: clean,
    addSecrets: (more) => void known.push(...more),
  };
}

/** What decK's words do not tell. */
function hints(errors: readonly string[]): string[] {
  const isKong39 = errors.some((line) => /reading Kong version: HTTP status 500/.test(line));
  return isKong39
    ? [
        'Kong 3.9 cannot answer GET / where it starts plugin servers itself: let decK speak to an admin node (docs/deck.md)',
      ]
    : [];
}
