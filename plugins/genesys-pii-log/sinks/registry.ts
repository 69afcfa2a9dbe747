/**
 * The sinks of the process, by their settings. Kong starts an instance per configuration and nginx worker, and new ones
 * when the configuration changes. Instances with the same sink settings share a queue and a connection.
 */
import { realClock } from '../../shared/clock.js';
import { createFileTransport, createOutputTransport } from './file.js';
import { createHttpTransport, type HttpSettings } from './http.js';
import { createSink, type Sink, type SinkStats } from './sink.js';
import { createSyslogTransport, type SyslogSettings } from './syslog.js';

/** Where entries go. */
export type SinkTarget =
  | { type: 'stdout'; path: string }
  | { type: 'file'; path: string; logDirs: readonly string[] }
  | { type: 'http'; settings: HttpSettings; maxAttempts: number; spill: SinkSettings | undefined }
  | { type: 'syslog'; settings: SyslogSettings };

export interface SinkSettings {
  /** A digest of all settings. Equal settings share a sink. */
  key: string;
  /** The name that operators see. */
  name: string;
  queueEntries: number;
  target: SinkTarget;
}

export interface SinkRegistry {
  /** Returns the sink for the settings, which is opened with its first entry. */
  sinkOf(settings: SinkSettings): Sink;
  readonly stats: SinkStats[];
  /** See {@link Sink.flush}. */
  flush(deadlineMs: number, hurry: AbortSignal): Promise<void>;
}

/** Sinks of removed configurations stay until there are so many. */
const MAX_SINKS = 256;

/** Creates the registry of a process. @param lostEvents returns how many log events Kong has lost */
export function createSinkRegistry(lostEvents: () => number): SinkRegistry {
  const sinks = new Map<string, Sink>();

  function sinkOf(settings: SinkSettings): Sink {
    const { key } = settings;
    let sink = sinks.get(key);
    if (sink === undefined) {
      if (sinks.size >= MAX_SINKS) forgetIdle();
      sink = open(settings);
    } else sinks.delete(key);
    // Keeps the least recently used first.
    sinks.set(key, sink);
    return sink;
  }

  function open({ name, queueEntries, target }: SinkSettings): Sink {
    const options = { name, queueEntries, lostEvents, clock: realClock, maxAttempts: Number.POSITIVE_INFINITY };
    switch (target.type) {
      case 'stdout':
        return createSink({ ...options, transport: createOutputTransport(target.path) });
      case 'file':
        return createSink({ ...options, transport: createFileTransport(target.path, target.logDirs) });
      case 'syslog':
        return createSink({ ...options, transport: createSyslogTransport(target.settings) });
      case 'http': {
        const spill = target.spill && sinkOf(target.spill);
        const { maxAttempts } = target;
        return createSink({ ...options, transport: createHttpTransport(target.settings), maxAttempts, spill });
      }
    }
  }

  function forgetIdle(): void {
    for (const [key, sink] of sinks) {
      if (sink.stats.waiting > 0) continue;
      sink.close();
      sinks.delete(key);
      return;
    }
  }

  return {
    sinkOf,
    get stats() {
      return [...sinks.values()].map(({ stats }) => stats);
    },
    async flush(deadlineMs, hurry) {
      await Promise.all([...sinks.values()].map((sink) => sink.flush(deadlineMs, hurry)));
    },
  };
}
