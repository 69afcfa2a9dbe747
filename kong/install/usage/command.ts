/** `kong-genesys-cloud usage`: who used Genesys how much, by the gateway's own counts and by Genesys' report. */
import { parseArgs } from 'node:util';
import { BARE_HOST } from '../../../plugins/shared/host.js';
import {
  DAY_MS,
  dayOf,
  isDay,
  isMonth,
  monthOf,
  type Span,
  spanOfMonth,
} from '../../../plugins/shared/use-counts/span.js';
import { apiUrlOf, type ListClients } from '../doctor/login.js';
import { readText } from '../read-text.js';
import { type Answer, addUp, parseAnswer } from './counts.js';
import { FORMATS } from './format.js';
import { askGenesys, type GenesysReport } from './genesys-report.js';
import { makeReport } from './report.js';

export const USAGE_USAGE = `usage: kong-genesys-cloud usage [--day DAY | --week DAY | --month MONTH] [--allocation N [--price P]]
                                [--tolerance PERCENT] [--format table|csv|json] [--timeout SECONDS] FILE|URL...
  prints requests by consumer and by OAuth client, next to Genesys' own report; what does not agree; and what the
  period will end with at this rate
  FILE|URL      one of each node: where to ask (http://127.0.0.1:9500), or the answers of GET /usage?by=day and
                GET /usage/clients?by=day
  --day         a day (UTC), such as 2026-11-27; --week: the week from Monday that it is in; --month: such as 2026-11.
                Without any, the running month
  --allocation  the requests of the period that are paid for already; --price: of a request beyond them
  --tolerance   differences up to so many percent are not pointed out (1)
  --timeout     seconds for Genesys to make its report (60)
  Genesys is asked as the OAuth client of GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET, at GENESYS_REGION or
  GENESYS_TOKEN_URL; it needs oauth:client:view or usage:organization:view. Genesys has a day's requests the day after.
  exit code: 0, also with differences; 1 for a wrong command, or if somebody did not answer`;

interface Here {
  env: Readonly<Record<string, string | undefined>>;
  listClients: ListClients;
  nowMs: number;
}

/** Runs the command. @returns what to print on standard output @throws Error of one line */
export async function usage(args: readonly string[], here: Here): Promise<{ text: string }> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      day: { type: 'string' },
      week: { type: 'string' },
      month: { type: 'string' },
      allocation: { type: 'string' },
      price: { type: 'string' },
      tolerance: { type: 'string', default: '1' },
      format: { type: 'string', default: 'table' },
      timeout: { type: 'string', default: '60' },
    },
    allowPositionals: true,
  });
  if (positionals.length === 0) throw new Error(USAGE_USAGE);
  const format = Object.entries(FORMATS).find(([name]) => name === values.format)?.[1];
  if (format === undefined) throw new Error(`--format ${values.format}: one of ${Object.keys(FORMATS).join(', ')}`);
  const allocation = values.allocation === undefined ? undefined : readNumber('allocation', values.allocation);
  const price = values.price === undefined ? undefined : readNumber('price', values.price);
  if (price !== undefined && allocation === undefined)
    throw new Error('--price: needs --allocation, beyond which it is');
  const tolerancePercent = readNumber('tolerance', values.tolerance);
  const timeoutMs = readNumber('timeout', values.timeout) * 1000;
  const span = readPeriod(values, here.nowMs);
  const [answers, genesys] = await Promise.all([
    Promise.all(positionals.map((source) => readSource(source, span))),
    reportOfGenesys(span, here, timeoutMs),
  ]);
  const counted = addUp(answers.flat(), span);
  return {
    text: format(makeReport({ span, nowMs: here.nowMs, counted, genesys, allocation, price, tolerancePercent })),
  };
}

function readNumber(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < 1e15))
    throw new Error(`--${option} ${text}: a number, not below 0`);
  return value;
}

function readPeriod({ day, week, month }: { day?: string; week?: string; month?: string }, nowMs: number): Span {
  if ([day, week, month].filter((one) => one !== undefined).length > 1) {
    throw new Error('--day, --week and --month: one of them');
  }
  for (const [option, text] of Object.entries({ day, week })) {
    if (text !== undefined && !isDay(text)) throw new Error(`--${option} ${text}: a day, such as 2026-11-27`);
  }
  if (day !== undefined) return { since: day, until: day };
  if (week !== undefined) {
    const ms = Date.parse(week);
    const mondayMs = ms - ((new Date(ms).getUTCDay() + 6) % 7) * DAY_MS;
    return { since: dayOf(mondayMs), until: dayOf(mondayMs + 6 * DAY_MS) };
  }
  const named = month ?? monthOf(dayOf(nowMs));
  if (!isMonth(named)) throw new Error(`--month ${named}: a month, such as 2026-11`);
  return spanOfMonth(named);
}

async function readSource(source: string, span: Span): Promise<Answer[]> {
  const texts = /^https?:/.test(source) ? await askNode(source, span) : [readText(source)];
  try {
    return texts.map(parseAnswer);
  } catch (error) {
    throw new Error(`${source}: ${(error as Error).message}`);
  }
}

/** Asks a process of a node: with one process a plugin, each knows only one of the answers. */
async function askNode(source: string, { since, until }: Span): Promise<string[]> {
  const texts = await Promise.all(
    ['/usage', '/usage/clients'].map(async (path) => {
      const url = new URL(`${path}?since=${since}&until=${until}&by=day`, source);
      const response = await fetch(url, { signal: AbortSignal.timeout(30_000) }).catch(() => undefined);
      if (response === undefined) throw new Error(`${url}: no answer; is it the address after --metrics?`);
      if (response.status === 404) return [];
      if (!response.ok) throw new Error(`${url}: answered ${response.status}`);
      return [await response.text()];
    }),
  );
  if (texts.flat().length === 0) throw new Error(`${source}: knows no use; has the process genesys-quota?`);
  return texts.flat();
}

/** Returns Genesys' report of the days that have ended; undefined if there are no credentials, or no such days. */
async function reportOfGenesys(
  span: Span,
  { env, listClients, nowMs }: Here,
  timeoutMs: number,
): Promise<GenesysReport | undefined> {
  const { GENESYS_CLIENT_ID: id, GENESYS_CLIENT_SECRET: secret, GENESYS_REGION, GENESYS_TOKEN_URL } = env;
  const yesterday = dayOf(nowMs - DAY_MS);
  if (!id || !secret || span.since > yesterday) return undefined;
  const place =
    GENESYS_TOKEN_URL === undefined ? { region: GENESYS_REGION ?? 'us_east_1' } : { token_url: GENESYS_TOKEN_URL };
  const [client] = listClients({ client_id: id, client_secret: secret, ...place }, BARE_HOST);
  const apiUrl = client && apiUrlOf(client.tokenUrl);
  if (client === undefined || apiUrl === undefined) throw new Error('GENESYS_TOKEN_URL: is no login of Genesys Cloud');
  const { token, problem } = await client.logIn(timeoutMs);
  if (token === undefined) throw new Error(`GENESYS_CLIENT_ID: no token: ${problem}`);
  const finished = { ...span, until: span.until < yesterday ? span.until : yesterday };
  return askGenesys(apiUrl, token.value, finished, timeoutMs);
}
