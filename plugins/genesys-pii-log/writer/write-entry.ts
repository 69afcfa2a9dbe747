/** Makes the entry of one request, masked, and gives it to the sinks. */
import type { EntryPolicy } from '../entry/entry.js';
import { buildEntry } from '../entry/entry.js';
import { parseKongEntry } from '../entry/kong-entry.js';
import { type Format, toLine } from '../entry/line.js';
import type { ExtraSearchTime } from '../mask/search-time.js';
import type { Sink } from '../sinks/sink.js';
import type { Observation } from './observation.js';

/** What the entries of one configuration need. */
export interface EntrySettings {
  policy: EntryPolicy;
  format: Format;
  sinks: readonly Pick<Sink, 'write'>[];
  /** What slow patterns may take of the process. */
  extraSearchTime: ExtraSearchTime;
}

/**
 * Writes an entry.
 * @returns how many values were masked, by rule
 * @throws Error that contains nothing of the request
 */
export async function writeEntry(observation: Observation, settings: EntrySettings): Promise<Record<string, number>> {
  const { json, ...seen } = observation;
  try {
    const entry = await buildEntry({ ...seen, kong: parseKongEntry(json) }, settings.policy, settings.extraSearchTime);
    const line = toLine(entry, settings.format);
    for (const sink of settings.sinks) sink.write(line);
    return entry.masked;
  } catch (error) {
    throw withoutContent(error);
  }
}

/** Makes an error for Kong's error log. Messages of errors may contain what was worked on: JSON.parse quotes it. */
export function withoutContent(error: unknown): Error {
  return new Error(`no entry was written: ${error instanceof Error ? error.name : 'unknown error'}`);
}
