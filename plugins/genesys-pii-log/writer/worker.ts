/** The thread that masks and writes: one in a process, started with the first configuration. */
import { parentPort } from 'node:worker_threads';
import { readConfig } from '../config.js';
import { createWriter } from './writer.js';

const port = parentPort;
if (port === null) throw new Error('this file runs as a thread only');
port.on(
  'message',
  createWriter(
    ({ raw, host }) => readConfig(raw, host),
    (message) => port.postMessage(message),
  ),
);
