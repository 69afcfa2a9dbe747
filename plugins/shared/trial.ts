/**
 * Trying rules on a body: `kong-genesys-cloud try`, and the page on the operator's port. A plugin says what its rules would
 * do; here is how that is printed, and how the port runs it, on a thread of its own, so that no request waits for it.
 */
import { ConfigError } from './kong-schema/config-error.js';
import { isPlainObject } from './plain-object.js';
import type { Operation, OperationAnswer } from './plugin.js';

/** What rules do to a body, and why. */
export interface Trial {
  summary: string;
  /** What is left of the body; null if nothing of it is. */
  result: string | null;
  /** What it is called if a value passes, and if it does not. */
  words: readonly [passes: string, not: string];
  values: readonly TriedValue[];
}

export interface TriedValue {
  /** Where it is in the body (RFC 6901). */
  pointer: string;
  passes: boolean;
  why: string;
}

/** What a page asks for. */
export interface TrialRequest {
  /** The plugin's configuration, as it is in kong.yml. */
  config: object;
  body: string;
}

/** What a module has that can be tried. @throws ConfigError that names the field */
export interface TrialModule {
  trial(request: TrialRequest): Promise<Trial>;
}

/** A trial takes milliseconds, unless somebody tries a pattern that never ends. */
const MAX_MS = 5000;
const MAX_HEAP_MB = 128;

/** Prints a trial: what is left, each value with the reason, the sum. */
export function printTrial({ summary, result, words, values }: Trial): string {
  const nameOf = (pointer: string): string => (pointer === '' ? '/' : pointer);
  const width = Math.min(60, Math.max(...values.map(({ pointer }) => nameOf(pointer).length), 0));
  const rows = values.map(({ pointer, passes, why }) => {
    return `${words[passes ? 0 : 1].padEnd(6)}  ${nameOf(pointer).padEnd(width)}  ${why}`;
  });
  return [...(result === null ? [] : [result, '']), ...rows, ...(rows.length > 0 ? [''] : []), summary, ''].join('\n');
}

/**
 * Makes the operation of a port. One trial runs at a time.
 * @param module a file that exports what TrialModule has
 */
export function trialOperation(path: string, module: URL): Operation {
  let isRunning = false;
  return {
    method: 'POST',
    path,
    isForPage: true,
    async run(_query, body = Buffer.alloc(0)) {
      const request = parseRequest(body);
      if (request === undefined) return refused(400, 'needs JSON with config, an object, and body, a text');
      if (isRunning) return refused(429, 'another trial runs');
      isRunning = true;
      try {
        return { status: 200, body: await runApart(module, request) };
      } catch (error) {
        return refused(400, (error as Error).message);
      } finally {
        isRunning = false;
      }
    },
  };
}

function refused(status: number, message: string): OperationAnswer {
  return { status, body: { message } };
}

function parseRequest(bytes: Buffer): TrialRequest | undefined {
  try {
    const { config, body } = JSON.parse(bytes.toString()) as Record<string, unknown>;
    if (isPlainObject(config) && typeof body === 'string') return { config, body };
  } catch {}
  return undefined;
}

/** Runs a trial on a thread that ends with it. @throws Error whose message is for people */
async function runApart(module: URL, request: TrialRequest): Promise<Trial> {
  // Node 20 cannot start a thread from TypeScript, as in tests.
  if (import.meta.filename.endsWith('.ts')) return runTrial(module.href.replace(/\.js$/, '.ts'), request);
  // Loaded when somebody tries something: a process that nobody asks does without.
  const { Worker } = await import('node:worker_threads');
  const worker = new Worker(new URL('./trial-thread.js', import.meta.url), {
    workerData: { module: module.href, request },
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  worker.unref();
  return new Promise<Trial>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`it took over ${MAX_MS / 1000} s`)), MAX_MS);
    worker.on('message', ({ trial, problem }: { trial?: Trial; problem: string }) => {
      if (trial === undefined) reject(new Error(problem));
      else resolve(trial);
    });
    worker.on('error', () => reject(new Error(UNKNOWN)));
    worker.on('exit', () => {
      clearTimeout(timer);
      reject(new Error(UNKNOWN));
    });
  }).finally(() => worker.terminate());
}

const UNKNOWN = 'it could not be tried';

/** Runs a trial here. @throws Error whose message is for people */
export async function runTrial(module: string, request: TrialRequest): Promise<Trial> {
  const { trial } = (await import(module)) as TrialModule;
  try {
    return await trial(request);
  } catch (error) {
    // Messages of other errors may contain parts of the body.
    throw new Error(error instanceof ConfigError ? error.message : UNKNOWN);
  }
}
