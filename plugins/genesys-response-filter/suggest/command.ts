/** `kong-genesys-cloud suggest filter`: rules for genesys-response-filter, from what its report mode has seen. */
import { parseArgs } from 'node:util';
import type { RouteReport } from '../reports.js';
import { merge, parseCollected } from './collected.js';
import { hasRules, writeRules } from './rules.js';

export const SUGGEST_USAGE = `usage: kong-genesys-cloud suggest filter [--all] [--form keep|template] FILE|URL...
  prints rules for genesys-response-filter, from what its report mode saw: answers of \`GET /removed\`, one of each node
  and process, as files or where to ask (http://127.0.0.1:9500)
  --all   keeps every field that was seen; without it, those that the rules of report mode let through
  --form  keep (default): a list of paths; template: a document of the same fields as well, to change their names`;

/**
 * Suggests rules by the command line.
 * @param readText reads a file; throws an Error of one line
 * @returns what to print on standard output
 * @throws Error of one line that says what is wrong
 */
export async function suggest(args: readonly string[], readText: (file: string) => string): Promise<{ text: string }> {
  const [what, ...rest] = args;
  if (what !== 'filter') throw new Error(SUGGEST_USAGE);
  const { values, positionals } = parseArgs({
    args: [...rest],
    options: { all: { type: 'boolean', default: false }, form: { type: 'string', default: 'keep' } },
    allowPositionals: true,
  });
  const { all: keepsAll, form } = values;
  if (form !== 'keep' && form !== 'template') throw new Error(`--form ${form}: keep or template`);
  if (positionals.length === 0) throw new Error(SUGGEST_USAGE);
  const routes = merge(await Promise.all(positionals.map((source) => read(source, readText))));
  if (!hasRules(routes, keepsAll)) {
    throw new Error(
      keepsAll || !hasRules(routes, true)
        ? 'report mode has seen no fields yet: mode: report on the plugin, then requests'
        : 'the rules of report mode let no field through: --all keeps every field that was seen',
    );
  }
  return { text: writeRules(routes, { keepsAll, form, nodes: positionals.length }) };
}

async function read(source: string, readText: (file: string) => string): Promise<RouteReport[]> {
  const text = /^https?:/.test(source) ? await ask(source) : readText(source);
  try {
    return parseCollected(text);
  } catch (error) {
    throw new Error(`${source}: ${(error as Error).message}`);
  }
}

async function ask(source: string): Promise<string> {
  const url = new URL(source);
  if (url.pathname === '/') url.pathname = '/removed';
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) }).catch(() => undefined);
  if (response === undefined) throw new Error(`${url}: no answer; is it the address after --metrics?`);
  if (!response.ok) throw new Error(`${url}: answered ${response.status}; the plugin server has no response filter?`);
  return response.text();
}
