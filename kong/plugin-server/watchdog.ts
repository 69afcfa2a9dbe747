/**
 * Ends the process when its event loop is blocked: Kong would wait 35 s for it with every request, and starts a new one
 * within a second instead. The watcher is a thread of its own, because a blocked loop runs no timer.
 */
import { Worker } from 'node:worker_threads';

const BEAT_MS = 500;

/** Counts looks without a beat rather than time, so that a process that was stopped and continued is not ended for it. */
const WATCHER = `
const { workerData } = require('node:worker_threads');
const { writeSync } = require('node:fs');
const beats = new Int32Array(workerData.beats);
let last = -1;
let missed = 0;
for (;;) {
  Atomics.wait(beats, 1, 0, workerData.beatMs);
  const now = Atomics.load(beats, 0);
  missed = now === last ? missed + 1 : 0;
  last = now;
  if (missed * workerData.beatMs >= workerData.stallMs) {
    try { writeSync(2, 'the event loop has stood still for ' + workerData.stallMs + ' ms: ending this process\\n'); } catch {}
    process.kill(process.pid, 'SIGKILL');
  }
}
`;

/**
 * Starts the watchdog.
 * @param stallMs how long the event loop may stand still
 * @returns a function that stops it
 */
export function startWatchdog(stallMs: number): () => void {
  const beats = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  const counter = new Int32Array(beats);
  const beat = setInterval(() => Atomics.add(counter, 0, 1), BEAT_MS);
  beat.unref();
  const watcher = new Worker(WATCHER, {
    eval: true,
    workerData: { beats, beatMs: BEAT_MS, stallMs },
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 },
  });
  watcher.unref();
  return () => {
    clearInterval(beat);
    void watcher.terminate();
  };
}
