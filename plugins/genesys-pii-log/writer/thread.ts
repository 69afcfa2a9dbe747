/** Opens the thread that masks and writes. */
import { Worker } from 'node:worker_threads';
import { readConfig } from '../config.js';
import type { FromWriter, ToWriter } from './observation.js';
import { createWriter } from './writer.js';

/** The way to a writer. */
export interface WriterPort {
  send(message: ToWriter, transfer: ArrayBuffer[]): void;
}

export interface WriterEvents {
  onMessage(message: FromWriter): void;
  /** Called once, when the thread has ended although nobody ended it. @param why for the log; nothing of any request */
  onExit(why: string): void;
}

export type OpenWriter = (events: WriterEvents) => WriterPort;

/**
 * The thread's young generation: measured with pages of 13 KB, 16 and 32 MB were no faster.
 */
const YOUNG_GENERATION_MB = 4;

/** Starts the thread. It does not keep the process alive. */
const openThread: OpenWriter = ({ onMessage, onExit }) => {
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  });
  let why = 'it ended';
  worker.on('message', onMessage);
  worker.on('error', (error: NodeJS.ErrnoException) => {
    why = error.code ?? error.name;
  });
  worker.on('exit', () => onExit(why));
  worker.unref();
  return { send: (message, transfer) => worker.postMessage(message, transfer) };
};

/** Runs the writer on this thread, with the same messages: Node 20 cannot start a thread from TypeScript, as in tests. */
export const openHere: OpenWriter = ({ onMessage }) => {
  const take = createWriter(
    ({ raw, host }) => readConfig(raw, host),
    (message) => setImmediate(onMessage, message),
  );
  return { send: (message) => void setImmediate(take, message) };
};

export const openWriter: OpenWriter = import.meta.filename.endsWith('.ts') ? openHere : openThread;
