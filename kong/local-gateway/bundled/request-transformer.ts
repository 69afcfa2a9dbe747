/**
 * Kong's request-transformer (kong/plugins/request-transformer). It changes path, method, headers, body and query in
 * this order, each by remove, rename, replace, add, append. Templates are in template.ts, bodies in transform-body.ts.
 */
import type { Field } from '../../../plugins/shared/kong-schema/field.js';
import { toText } from '../headers.js';
import type { GatewayPlugin } from '../plugin.js';
import type { RequestContext } from '../request-context.js';
import { decodeArgs, encodeArgs, escapePath, type QueryArgs } from '../uri.js';
import { bufferedBody, queryArgs } from './request-values.js';
import { createRenderer, isKnownTemplate, splitEntry } from './template.js';
import { type BodyChanges, bodyKind, type Entries, transformBody } from './transform-body.js';

const KINDS = ['remove', 'rename', 'replace', 'add', 'append'] as const;
const TARGETS = ['body', 'headers', 'querystring'] as const;
type Target = (typeof TARGETS)[number];

interface TransformerConfig extends Record<(typeof KINDS)[number], Record<Target, string[]>> {
  http_method?: string;
  replace: Record<Target, string[]> & { uri?: string };
}

const list = (match?: string): Field => ({
  type: 'array',
  required: true,
  default: [],
  elements: { type: 'string', ...(match === undefined ? {} : { match }) },
});
const record = (headers: Field, ...more: Record<string, Field>[]): Field => ({
  type: 'record',
  required: true,
  fields: [{ body: list() }, { headers }, { querystring: list() }, ...more],
});
const pairs = list('^[^:]+:.*$');

export const requestTransformer: GatewayPlugin = {
  name: 'request-transformer',
  priority: 801,
  fields: [
    { protocols: { type: 'set', elements: { type: 'string' } } },
    {
      config: {
        type: 'record',
        fields: [
          { http_method: { type: 'string', match: '^%u+$' } },
          { remove: record(list()) },
          { rename: record(pairs) },
          { replace: record(pairs, { uri: { type: 'string' } }) },
          { add: record(pairs) },
          { append: record(pairs) },
        ],
      },
    },
  ],
  check: (config) => faults(config as unknown as TransformerConfig),
  access: (context, { config }) => transform(context, config as unknown as TransformerConfig),
};

const HEADER_NAME = /^[A-Za-z0-9_-]+$/;
const UNKNOWN_TEMPLATE =
  'the local gateway renders only $(headers.<name>), $(query_params.<name>) and $(uri_captures.<name>)';

function* faults(config: TransformerConfig): Iterable<string> {
  const { uri } = config.replace;
  if (uri !== undefined && !isKnownTemplate(uri)) yield `replace.uri: ${uri}: ${UNKNOWN_TEMPLATE}`;
  for (const kind of KINDS) {
    for (const target of TARGETS) {
      for (const entry of config[kind][target]) {
        const [name, value] = splitEntry(entry);
        const path = `${kind}.${target}`;
        if (name === '') yield `${path}: '${entry}' has no name`;
        if (target === 'headers') {
          if (!HEADER_NAME.test(name)) yield `${path}: '${name}' is not a valid header`;
          if (kind === 'rename' && !HEADER_NAME.test(value ?? '')) yield `${path}: '${value}' is not a valid header`;
        } else if (kind !== 'remove' && value === undefined) yield `${path}: key '${name}' has no value`;
        if (value !== undefined && !isKnownTemplate(value)) yield `${path}: ${value}: ${UNKNOWN_TEMPLATE}`;
      }
    }
  }
}

async function transform(context: RequestContext, config: TransformerConfig): Promise<void> {
  const render = createRenderer(context);
  const { uri } = config.replace;
  if (uri !== undefined) {
    const path = render(uri);
    if (!path.startsWith('/')) throw new Error('path must start with /');
    context.upstream.path = escapePath(path);
  }
  if (config.http_method !== undefined) await changeMethod(context, config.http_method);
  const rendered = (target: Target, kind: (typeof KINDS)[number]): [string, string | undefined][] =>
    config[kind][target].map((entry) => {
      const [name, value] = splitEntry(entry);
      return [name, value === undefined ? undefined : render(value)];
    });
  const asText = (target: Target, kind: (typeof KINDS)[number]): Entries =>
    rendered(target, kind).map(([name, value = '']) => [name, toText(value)]);
  transformHeaders(context, (kind) => rendered('headers', kind));
  const changes = Object.fromEntries(KINDS.map((kind) => [kind, asText('body', kind)])) as unknown as BodyChanges;
  await transformBody(context, changes);
  if (KINDS.some((kind) => config[kind].querystring.length > 0)) {
    transformQuery(context, (kind) => asText('querystring', kind));
  }
}

/** Sets the method. If it becomes GET, HEAD or TRACE, a form in the body is added to the query. */
async function changeMethod(context: RequestContext, method: string): Promise<void> {
  context.upstream.method = method;
  if (!['GET', 'HEAD', 'TRACE'].includes(method)) return;
  if (bodyKind(context.headers.get('content-type')) !== 'form') return;
  const form = decodeArgs(((await bufferedBody(context)) ?? '').toString(), 100);
  if (Object.keys(form).length === 0) return;
  const query: QueryArgs = queryArgs(context);
  for (const [name, values] of Object.entries(form)) {
    const old = query[name];
    if (old !== undefined && values.length > 1) throw new Error('attempt to use table as query arg value');
    query[name] = [...(old ?? []), ...values];
  }
  context.upstream.query = encodeArgs(query);
}

type EntriesOf = (kind: (typeof KINDS)[number]) => readonly [string, string | undefined][];

/** Changes a copy of the headers, as Kong does, and writes them back under the copy's names. */
function transformHeaders(context: RequestContext, entries: EntriesOf): void {
  const copy = new Map<string, string[]>();
  for (const [name, value] of context.headers.entries()) {
    const key = name.toLowerCase();
    if (key !== 'host') copy.set(key, [...(copy.get(key) ?? []), value]);
  }
  const find = (name: string): string[] | undefined =>
    copy.get(name) ?? copy.get(name.toLowerCase().replaceAll('_', '-'));
  const cleared = new Set<string>();
  for (const [name] of entries('remove')) {
    const key = name.toLowerCase();
    if (find(key) === undefined) continue;
    copy.delete(key);
    cleared.add(key);
  }
  for (const [from, to = ''] of entries('rename')) {
    const isSame = from.toLowerCase() === to.toLowerCase();
    const [old, next] = isSame ? [from, to] : [from.toLowerCase(), to.toLowerCase()];
    const values = find(old);
    if (old === next || values === undefined) continue;
    copy.delete(old);
    copy.set(next, values);
    cleared.add(from);
  }
  for (const [name, value] of entries('replace')) {
    const key = name.toLowerCase();
    if (find(key) === undefined && key !== 'host') continue;
    if (value === undefined) copy.delete(key);
    else copy.set(key, [value]);
  }
  for (const [name, value] of entries('add')) {
    if (value !== undefined && find(name) === undefined && name.toLowerCase() !== 'host') copy.set(name, [value]);
  }
  for (const [name, value] of entries('append')) {
    const key = name.toLowerCase();
    if (key === 'host') throw new Error('cannot append to the header Host');
    const old = find(name) ?? [];
    if (name !== key) copy.delete(key);
    copy.set(name, value === undefined ? old : [...old, value]);
  }
  for (const name of cleared) context.headers.remove(name);
  for (const [name, values] of copy) {
    if (name === 'host') context.upstream.hostHeader = values[0] ?? '';
    context.headers.set(
      name,
      values.map((value) => (value === '' ? ' ' : value)),
    );
  }
}

function transformQuery(context: RequestContext, entries: (kind: (typeof KINDS)[number]) => Entries): void {
  const query = queryArgs(context);
  for (const [name] of entries('remove')) delete query[name];
  for (const [from, to] of entries('rename')) {
    const values = query[from];
    if (from === to || values === undefined) continue;
    delete query[from];
    query[to] = values;
  }
  for (const [name, value] of entries('replace')) if (query[name] !== undefined) query[name] = [value];
  for (const [name, value] of entries('add')) query[name] ??= [value];
  for (const [name, value] of entries('append')) {
    const old = query[name] ?? [];
    // An argument without a value is lost, as in Kong.
    query[name] = old.length === 1 && old[0] === true ? [value] : [...old, value];
  }
  context.upstream.query = encodeArgs(query);
}
