/** Genesys' own report of use, by OAuth client and day: asks for it, and waits until it is complete. */
import { setTimeout as pause } from 'node:timers/promises';
import { isPlainObject } from '../../../plugins/shared/plain-object.js';
import { property } from '../../../plugins/shared/property.js';
import { DAY_MS, dayOf, isDay, type Span } from '../../../plugins/shared/use-counts/span.js';
import { type ApiAnswer, askApi } from '../doctor/login.js';
import type { Days } from './counts.js';

export interface GenesysReport {
  clients: { id: string; name: string; days: Days }[];
  /** The last day that it has. */
  until: string;
  /** Whether Genesys has more than it answered. */
  isCut: boolean;
}

/** One request; Genesys has 15 s for it (the SDK's own bound is longer, but nobody waits for that). */
const REQUEST_MS = 15_000;
const PAUSE_MS = 500;

/**
 * Asks for the report.
 * @param span of finished days: Genesys has a day's requests the day after
 * @throws Error of one line
 */
export async function askGenesys(apiUrl: string, token: string, span: Span, timeoutMs: number): Promise<GenesysReport> {
  const query = {
    interval: `${span.since}T00:00:00/${dayOf(Date.parse(span.until) + DAY_MS)}T00:00:00`,
    granularity: 'Day',
    metrics: ['Requests'],
    groupBy: ['OAuthClientId'],
  };
  const asked = bodyOf(await askApi(apiUrl, '/api/v2/usage/query', token, REQUEST_MS, query));
  const id = property(asked, 'executionId');
  if (typeof id !== 'string' || !/^[\w-]{1,100}$/.test(id)) throw new Error('Genesys answered the query without an id');
  const giveUpAtMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = bodyOf(await askApi(apiUrl, `/api/v2/usage/query/${id}/results`, token, REQUEST_MS));
    const status = String(property(answer, 'queryStatus')).toLowerCase();
    if (status === 'complete') return parseReport(answer, span);
    if (status !== 'running') throw new Error("Genesys' query of use failed: try again");
    if (performance.now() > giveUpAtMs) {
      throw new Error(`Genesys' query of use was not complete after ${timeoutMs / 1000} s: --timeout gives it more`);
    }
    await pause(PAUSE_MS);
  }
}

function bodyOf(answer: ApiAnswer): unknown {
  if ('problem' in answer) throw new Error(`Genesys was not asked about use: ${answer.problem}`);
  const { status, body } = answer;
  if (status === 403) {
    throw new Error(
      'Genesys refuses its report of use: give the OAuth client a role with oauth:client:view or usage:organization:view',
    );
  }
  if (status >= 400) throw new Error(`Genesys answered ${status} to a question about use`);
  return body;
}

/** Reads rows, each with a client, a day and a number. What has no client is of none. */
function parseReport(answer: unknown, span: Span): GenesysReport {
  const rows = property(answer, 'results') ?? [];
  if (!Array.isArray(rows)) throw new Error("Genesys' report of use has no results");
  const clients = new Map<string, GenesysReport['clients'][number]>();
  let last = '';
  for (const row of rows.filter(isPlainObject)) {
    const day = String(row.date).slice(0, 10);
    if (!isDay(day) || !Number.isSafeInteger(row.requests))
      throw new Error("Genesys' report of use has a row without day");
    if (day > last) last = day;
    const id = typeof row.clientId === 'string' ? row.clientId : '';
    const known = clients.get(id) ?? { id, name: typeof row.clientName === 'string' ? row.clientName : '', days: {} };
    known.days[day] = (known.days[day] ?? 0) + Number(row.requests);
    clients.set(id, known);
  }
  const isCut = typeof property(property(answer, 'cursors'), 'after') === 'string';
  return { clients: [...clients.values()], until: last === '' ? span.until : last, isCut };
}
