/** The thread of one trial (trial.ts). */
import { parentPort, workerData } from 'node:worker_threads';
import { runTrial, type TrialRequest } from './trial.js';

const { module, request } = workerData as { module: string; request: TrialRequest };

runTrial(module, request).then(
  (trial) => parentPort?.postMessage({ trial }),
  (error: Error) => parentPort?.postMessage({ problem: error.message }),
);
