/** What passes between the plugin server's event loop and the thread that masks and writes. Plain data. */
import type { Host } from '../../shared/host.js';
import type { CapturedBody, LoggedBody } from '../body/body.js';
import type { SinkStats } from '../sinks/sink.js';

/** What the log phase saw of a request that is to be logged. */
export interface Observation {
  /** Kong's own log entry, as JSON. */
  json: string;
  /** service, exit (a plugin answered) or error (Kong did). */
  source: string;
  credentialId: string | undefined;
  requestBody: CapturedBody | LoggedBody | undefined;
  responseBody: CapturedBody | LoggedBody | undefined;
}

/** A configuration as Kong sent it, so that another thread can read it again. */
export interface ConfigSource {
  raw: unknown;
  host: Host;
}

/** A line for Kong's error log. */
export interface LogLine {
  level: 'err' | 'warn';
  line: string;
}

export type ToWriter =
  | { kind: 'open'; config: number; source: ConfigSource }
  | { kind: 'close'; config: number }
  /** @param lostEvents how many requests have no entry, for the reports to receivers */
  | { kind: 'write'; entries: { config: number; observation: Observation }[]; lostEvents: number }
  | { kind: 'ask'; question: number }
  | { kind: 'flush'; question: number; deadlineMs: number }
  /** The process has got its signal: what a flush cannot send at once is spilled. */
  | { kind: 'hurry' };

export type FromWriter =
  | {
      kind: 'written';
      /** Entries that are done with: in a sink's queue, or impossible to make. */
      entries: number;
      failed: number;
      /** How many values were masked, by rule. */
      masked: Record<string, number>;
      warnings: LogLine[];
      sinks: SinkStats[];
    }
  | { kind: 'answer'; question: number };
