/** `kong-genesys-cloud routes`: routes to chosen operations of Genesys' API, and to nothing else. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readText } from '../read-text.js';
import { COMMON_OPTIONS, renderValues, withoutOutput } from '../render/command.js';
import type { Api, Operation } from './api.js';
import type { Exposure, Refusals } from './exposure.js';
import { type KeepSettings, skeletonOf } from './keep.js';
import { kindOf } from './kind.js';
import type { Called } from './log.js';
import type { DocumentSettings } from './openapi.js';
import { needsOf } from './permissions.js';
import { planRoutes } from './plan.js';
import { select } from './select.js';
import { readShapes } from './shape.js';
import { readApi } from './source.js';
import { withRoutes } from './write.js';

export const ROUTES_USAGE = `usage: kong-genesys-cloud routes CHOICE... [--api FILE] [OPTION]...
       kong-genesys-cloud routes --openapi CONFIG... [--api FILE] [--output FILE]
  prints a configuration for Kong with routes to the chosen operations of Genesys' API, and to nothing else: what is not
  chosen is 404. It is made like \`render\`'s: the rest of it is kong/config, and it takes --region, --stage, --patch, --form,
  --organisation-limit, --consumers and --output
 CHOICE, several add up:
  --operations    ids, with commas: getUsers,postUsersSearch; or \`GET /api/v2/users\`; @FILE has one a line
  --tag           all of a tag: Routing
  --permission    all that a permission is enough for: routing:queue:view, routing:queue:*; needs --api
  --from-log      a file of genesys-pii-log's entries (- is standard input): what was really called
  --consumer      with --from-log: by these consumers only, with commas
 OPTION
  --api           Genesys' description of its API (Swagger 2.0, GET /api/v2/docs/swagger). Without it, operations and models
                  are those of the SDK purecloud-platform-client-v2, if it is installed here; permissions are then unknown
  --list          prints the chosen operations, one a line, instead: what --operations @FILE takes
  --diff          a configuration, may be repeated for one of several files: prints what is chosen and not let through there
                  (+), and what is let through and not chosen (-); exit code 1 if there is any
  --openapi       a configuration, may be repeated: prints an OpenAPI document of what it lets through, with answers as the
                  response filter leaves them
  --keep          what the response filter leaves: \`safe\` (default; ids, states, types, times, counts), \`model\` (every field of
                  the answer's model) or \`none\` (no filter)
  --shape         NAME=SHAPE, may be repeated: what a parameter of paths looks like: uuid, id, number, date, text
  --login         also for Genesys' SDKs, CLI and CX as Code, which log in at the gateway and send its tokens
  --host          hosts of these routes, with commas; without it, any
  --name          begins the names of services and routes (exposed)`;

/** What a command gives: a result, and remarks for people. */
export interface RoutesOutcome {
  text: string;
  notes: string[];
  exitCode?: number;
}

/** What the command needs from around it. */
export interface Surroundings {
  /** The folder that has kong/config. */
  packageFolder: string;
  /** Names of fields that say nothing of a person. */
  safeFields: readonly string[];
  documents: DocumentSettings;
  refusals: Refusals;
}

/**
 * Makes routes by the command line.
 * @throws Error of one line that says what is wrong
 */
export async function routes(
  args: readonly string[],
  { packageFolder, safeFields, documents, refusals }: Surroundings,
): Promise<RoutesOutcome> {
  const list = { type: 'string', multiple: true, default: [] as string[] } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...COMMON_OPTIONS,
      operations: list,
      tag: list,
      permission: list,
      'from-log': list,
      consumer: list,
      shape: list,
      host: list,
      api: { type: 'string' },
      list: { type: 'boolean', default: false },
      login: { type: 'boolean', default: false },
      diff: list,
      openapi: list,
      keep: { type: 'string', default: 'safe' },
      name: { type: 'string', default: 'exposed' },
    },
  });
  const { keep: mode, name } = values;
  if (mode !== 'safe' && mode !== 'model' && mode !== 'none') throw new Error(`--keep ${mode}: safe, model or none`);
  const keep: KeepSettings = { mode, safeFields: new Set(safeFields) };
  if (!/^[\w.-]+$/.test(name)) throw new Error(`--name ${name}: letters, digits, dots, hyphens and underscores`);
  const selection = {
    operations: words(values.operations).flatMap(fromFile),
    tags: words(values.tag),
    permissions: words(values.permission),
  };
  const shapes = readShapes(values.shape);
  const logs = values['from-log'];
  const packages = [process.cwd(), packageFolder];
  if (values.openapi.length > 0) {
    const text = await documentOf(await readApi(values.api, packages), values.openapi, documents, refusals);
    return put(values.output, text, []);
  }
  if ([...Object.values(selection), logs].every((choice) => choice.length === 0)) {
    throw new Error(ROUTES_USAGE.split('\n')[0]);
  }
  const api = await readApi(values.api, packages);
  const calls = await Promise.all(logs.map((file) => callsOf(file, api, words(values.consumer))));
  const called = new Set(calls.flatMap(({ operations }) => [...operations.keys()]));
  const named = new Set(select(api, selection));
  const chosen = api.operations.filter((operation) => named.has(operation) || called.has(operation));
  const found = calls.flatMap(remarksOnLog);
  if (values.list) {
    const countOf = (operation: Operation): number =>
      calls.reduce((sum, { operations }) => sum + (operations.get(operation) ?? 0), 0);
    return put(values.output, listOf(chosen, countOf), found);
  }
  if (values.diff.length > 0) {
    const text = await differences(api, chosen, values.diff, refusals);
    return { ...put(values.output, text, found), exitCode: text === '' ? 0 : 1 };
  }
  if (chosen.length === 0) throw new Error(`${found.join('; ')}: nothing to make routes to`);
  const plan = planRoutes(api, chosen, shapes);
  const remarks = remarksOn(api, chosen, keep, refusals);
  const settings = { name, hosts: words(values.host), keep, login: values.login, remarks };
  const command = `kong-genesys-cloud ${['routes', ...withoutOutput(args)].join(' ')}`;
  const { text } = renderValues(values, packageFolder, command, (gateway) => withRoutes(gateway, api, plan, settings));
  return { text, notes: [...found, ...(values.output === undefined ? [] : remarks)] };
}

function words(texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.split(',')).flatMap((word) => word.trim() || []);
}

/** Reads `@FILE`: the first word of each line, or a method and a path; what follows, and lines with #, are for people. */
function fromFile(word: string): string[] {
  if (!word.startsWith('@')) return [word];
  return readText(word.slice(1))
    .split('\n')
    .flatMap((line) => /^\s*([A-Z]+ +\/\S+|[^\s#]+)/.exec(line)?.[1] ?? []);
}

function put(output: string | undefined, text: string, notes: string[]): RoutesOutcome {
  if (output === undefined) return { text, notes };
  writeFileSync(output, text);
  return { text: '', notes };
}

/** What a configuration lets through, compared to what was chosen. */
async function differences(
  api: Api,
  chosen: readonly Operation[],
  files: readonly string[],
  refusals: Refusals,
): Promise<string> {
  const open = await exposures(api, files, refusals);
  const isOpen = new Set(open.map(({ operation }) => operation));
  const named = new Set(chosen);
  const line = (sign: string, { id, method, path }: Operation, more = ''): string =>
    `${sign} ${id}  # ${method} ${path}${more}\n`;
  return [
    ...chosen.filter((operation) => !isOpen.has(operation)).map((operation) => line('+', operation)),
    ...open
      .filter(({ operation }) => !named.has(operation))
      .map(({ operation, clientPath, route }) =>
        line('-', operation, `, route ${route}${clientPath === operation.path ? '' : `, as ${clientPath}`}`),
      ),
  ].join('');
}

async function documentOf(
  api: Api,
  files: readonly string[],
  settings: DocumentSettings,
  refusals: Refusals,
): Promise<string> {
  const { toOpenApi } = await import('./openapi.js');
  return `${JSON.stringify(toOpenApi(api, await exposures(api, files, refusals), settings), null, 2)}\n`;
}

async function exposures(api: Api, files: readonly string[], refusals: Refusals): Promise<Exposure[]> {
  const { readStateFile } = await import('../../config-check/documents.js');
  const { exposedBy } = await import('./exposure.js');
  return exposedBy(api, files.map(readStateFile), refusals);
}

/** One operation a line, as `--operations @FILE` takes it. */
function listOf(operations: readonly Operation[], countOf: (operation: Operation) => number): string {
  return operations
    .map((operation) => {
      const count = countOf(operation);
      const calls = count === 0 ? '' : `, ${count} call${count === 1 ? '' : 's'}`;
      return `${operation.id}  # ${kindOf(operation)}: ${operation.method} ${operation.path}${calls}\n`;
    })
    .join('');
}

/** A log, with its name. */
type LogCalls = Called & { file: string };

async function callsOf(file: string, api: Api, consumers: readonly string[]): Promise<LogCalls> {
  const { readCalls } = await import('./log.js');
  return { file, ...(await readCalls(file, api, consumers)) };
}

/** So many requests of no operation are named. */
const MOST_UNKNOWN = 10;

function remarksOnLog({ file, entries, otherLines, notSent, operations, unknown }: LogCalls): string[] {
  const name = file === '-' ? 'standard input' : file;
  const rest = unknown.length - MOST_UNKNOWN;
  return [
    `${name}: ${entries} requests, ${notSent} of which the gateway answered itself, of ${operations.size} operations` +
      (otherLines === 0 ? '' : `; ${otherLines} lines are no entries of a request`),
    ...unknown
      .slice(0, MOST_UNKNOWN)
      .map(([request, count]) => `${name}: of no operation, ${count} of the requests: ${request}`),
    ...(rest > 0 ? [`${name}: and ${rest} more`] : []),
  ];
}

/** What the OAuth client needs, and what the reader should know. */
function remarksOn(api: Api, chosen: readonly Operation[], keep: KeepSettings, refusals: Refusals): string[] {
  const { permissions, oneOf, scopes } = needsOf(chosen);
  const unknown = chosen.filter(
    (operation) =>
      keep.mode !== 'none' &&
      operation.answer !== 'none' &&
      kindOf(operation) !== 'bulk' &&
      skeletonOf(operation, api.models, keep) === undefined,
  );
  const isRefused = refusals([]);
  const refused = chosen.filter(({ method, path }) => isRefused(method, path));
  const names = (operations: readonly Operation[]): string => operations.map(({ id }) => id).join(', ');
  return [
    `Routes to ${chosen.length} operation${chosen.length === 1 ? '' : 's'}, from ${api.source}. Everything else is 404.`,
    ...(api.isDescription
      ? [
          `The OAuth client needs these permissions: ${permissions.join(', ') || 'none'}`,
          ...oneOf.map((choice) => `and one of: ${choice.join(', ')}`),
          `Scopes, for clients that have any (client credentials have roles instead): ${scopes.join(', ') || 'none'}`,
        ]
      : [
          'Unknown without --api: which permissions and scopes the OAuth client needs, which values parameters of paths ' +
            'may have, and whether a POST that looks like a query asks for more than a permission to view.',
        ]),
    ...(keep.mode === 'safe'
      ? ['The response filter leaves ids, states, types, times and counts; add to `keep` what is needed more.']
      : []),
    ...(refused.length > 0
      ? [`genesys-token-manager refuses these, since they act on the token that all clients share: ${names(refused)}`]
      : []),
    ...(unknown.length > 0
      ? [`Nothing of these answers is known that may leave, so they are blocked: ${names(unknown)}`]
      : []),
  ];
}
