/**
 * The thread's side: reads configurations, masks, and holds the sinks. It knows messages and no threads, so tests and
 * sources that are not compiled run it where they are.
 */

import { realClock } from '../../shared/clock.js';
import type { Config } from '../config.js';
import { ExtraSearchTime } from '../mask/search-time.js';
import { createSinkRegistry } from '../sinks/registry.js';
import type { Sink } from '../sinks/sink.js';
import type { ConfigSource, FromWriter, LogLine, Observation, ToWriter } from './observation.js';
import { type EntrySettings, writeEntry } from './write-entry.js';

/** How long counts are collected before they are sent: each message wakes the plugin server's event loop. */
const REPORT_MS = 5;

interface OpenConfig extends EntrySettings {
  sinks: readonly Sink[];
  takeWarning(): string | undefined;
}

/** Reads a configuration. @throws Error without a secret */
export type ReadConfig = (source: ConfigSource) => Config;

/**
 * Makes a writer.
 * @param send sends a message back
 * @returns takes a message
 */
export function createWriter(readConfig: ReadConfig, send: (message: FromWriter) => void): (message: ToWriter) => void {
  const configs = new Map<number, OpenConfig | { fault: string }>();
  const extraSearchTime = new ExtraSearchTime(realClock);
  const hurry = new AbortController();
  const working = new Set<Promise<void>>();
  let lostEvents = 0;
  const registry = createSinkRegistry(() => lostEvents);
  let [entries, failed] = [0, 0];
  let masked: Record<string, number> = {};
  let warnings: LogLine[] = [];
  let timer: (() => void) | undefined;

  function open(source: ConfigSource): OpenConfig | { fault: string } {
    try {
      const { policy, format, sinks, takeWarning } = readConfig(source);
      return { policy, format, extraSearchTime, takeWarning, sinks: sinks.map((each) => registry.sinkOf(each)) };
    } catch (error) {
      // It was read without fault a moment ago: a file has changed.
      return { fault: (error as Error).message };
    }
  }

  async function write(config: OpenConfig | { fault: string } | undefined, observation: Observation): Promise<void> {
    try {
      if (config === undefined || 'fault' in config) throw new Error(`no entry was written: ${config?.fault}`);
      for (const [rule, count] of Object.entries(await writeEntry(withBuffers(observation), config)))
        masked[rule] = (masked[rule] ?? 0) + count;
      const { takeWarning, sinks } = config;
      const found = [takeWarning(), extraSearchTime.takeWarning(), ...sinks.map((sink) => sink.takeWarning())];
      for (const line of found) if (line !== undefined) warnings.push({ level: 'warn', line });
    } catch (error) {
      failed++;
      warnings.push({ level: 'err', line: (error as Error).message });
    }
    entries++;
    timer ??= realClock.startTimer(REPORT_MS, report);
  }

  function report(): void {
    timer?.();
    timer = undefined;
    send({ kind: 'written', entries, failed, masked, warnings, sinks: registry.stats });
    [entries, failed, masked, warnings] = [0, 0, {}, []];
  }

  async function flush(deadlineMs: number): Promise<void> {
    const until = realClock.nowMs() + deadlineMs;
    const late = new Promise<void>((resolve) => void realClock.startTimer(deadlineMs, resolve));
    await Promise.race([Promise.all(working), late]);
    await registry.flush(Math.max(0, until - realClock.nowMs()), hurry.signal);
  }

  return (message) => {
    switch (message.kind) {
      case 'open':
        configs.set(message.config, open(message.source));
        break;
      case 'close':
        configs.delete(message.config);
        break;
      case 'write':
        lostEvents = message.lostEvents;
        for (const { config, observation } of message.entries) {
          const work = write(configs.get(config), observation);
          working.add(work);
          void work.finally(() => working.delete(work));
        }
        break;
      case 'ask':
        report();
        send({ kind: 'answer', question: message.question });
        break;
      case 'flush':
        void flush(message.deadlineMs).finally(() => {
          report();
          send({ kind: 'answer', question: message.question });
        });
        break;
      case 'hurry':
        hurry.abort();
        break;
    }
  };
}

/** Between threads a Buffer becomes a Uint8Array. */
function withBuffers({ requestBody, responseBody, ...rest }: Observation): Observation {
  return { ...rest, requestBody: withBuffer(requestBody), responseBody: withBuffer(responseBody) };
}

function withBuffer<T extends Observation['requestBody']>(body: T): T {
  if (body === undefined || !('bytes' in body)) return body;
  const { buffer, byteOffset, byteLength } = body.bytes;
  return { ...body, bytes: Buffer.from(buffer, byteOffset, byteLength) };
}
