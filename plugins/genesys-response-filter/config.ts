/**
 * Turns Kong's raw configuration into what the plugin works with. Rules are compiled, so a response needs no further
 * interpretation of the configuration. Every mistake is refused here.
 */
import { ConfigError } from '../shared/kong-schema/config-error.js';
import { type ConfigOf, parseConfig } from '../shared/kong-schema/parse-config.js';
import { compilePathPattern, type PathPattern } from '../shared/path-pattern.js';
import { type BodyFilter, createFilter } from './rule/filter.js';
import type { LinkMode } from './rule/links.js';
import { type Path, parsePath } from './rule/path.js';
import { compileTemplate, type Template } from './rule/template.js';
import { Schema } from './schema.js';

/** What to do with the responses of certain requests. */
export interface Rule {
  /** Undefined means any method. */
  methods: ReadonlySet<string> | undefined;
  /** Undefined means any path. */
  paths: readonly PathPattern[] | undefined;
  /** Undefined means any status below 400. */
  statuses: ReadonlySet<number> | undefined;
  filter: BodyFilter;
  /** Lower-case names. */
  removeHeaders: readonly string[];
}

export interface Config {
  rules: readonly Rule[];
  onNoMatch: 'block' | 'pass';
  onError: 'block' | 'pass';
  nonJson: 'block' | 'pass';
  maxBodyBytes: number;
  links: LinkMode;
  /** Whether a rule depends on the request's path. */
  readsPath: boolean;
  /** Whether answers are only judged, and go out as they are. */
  reportsOnly: boolean;
}

type RawRule = ConfigOf<typeof Schema>['rules'][number];

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Headers without which a client could not read the body. */
const NEEDED_HEADERS = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'transfer-encoding',
]);

/**
 * Parses the configuration of an instance.
 * @param raw the configuration as Kong sends it
 * @throws ConfigError that names the field
 */
export function readConfig(raw: unknown): Config {
  const config = parseConfig(Schema, raw);
  const collection = readCollection(config.collection);
  return {
    rules: config.rules.map((rule, index) => readRule(rule, `rules[${index}]`, collection)),
    onNoMatch: config.on_no_match,
    onError: config.on_error,
    nonJson: config.non_json,
    maxBodyBytes: config.max_body_bytes,
    links: config.links,
    readsPath: config.mode === 'report' || config.rules.some(({ paths }) => paths !== undefined),
    reportsOnly: config.mode === 'report',
  };
}

function readRule(rule: RawRule, at: string, collection: readonly string[]): Rule {
  const { keep, remove, rename, template } = rule;
  if (keep === undefined && remove === undefined && rename === undefined && template === undefined) {
    // Probably forgotten. Without this check, everything would go out.
    throw new ConfigError(at, 'needs keep, remove, rename or template; keep ["$"] lets everything through');
  }
  if (rename !== undefined && template !== undefined) {
    throw new ConfigError(`${at}.rename`, 'cannot stand beside template, which gives names itself');
  }
  const spec = {
    keep: keep?.map((text, i) => readPath(text, `${at}.keep[${i}]`, collection)),
    remove: remove?.map((text, i) => readTarget(text, `${at}.remove[${i}]`, collection)) ?? [],
    rename: readRename(rename ?? [], `${at}.rename`, collection),
    template: template === undefined ? undefined : readTemplate(template, `${at}.template`, collection),
    collection,
  };
  return {
    methods: rule.methods && new Set(rule.methods),
    paths: rule.paths?.map((text, i) => attempt(`${at}.paths[${i}]`, () => compilePathPattern(text))),
    statuses: rule.statuses && new Set(rule.statuses),
    filter: attempt(at, () => createFilter(spec)),
    removeHeaders: (rule.remove_headers ?? []).map((name, i) => readHeader(name, `${at}.remove_headers[${i}]`)),
  };
}

function readPath(text: string, at: string, collection: readonly string[]): Path {
  return withinElement(
    attempt(at, () => parsePath(text)),
    at,
    collection,
  );
}

/** Parses a path to something that can be removed from its parent. */
function readTarget(text: string, at: string, collection: readonly string[]): Path {
  const path = readPath(text, at, collection);
  if (path.kind === 'simple' && path.segments.length === 0) throw new ConfigError(at, 'names the whole body');
  return path;
}

function readRename(
  renames: readonly { from: string; to: string }[],
  at: string,
  collection: readonly string[],
): { from: Path; to: string }[] {
  const seen = new Set<string>();
  return renames.map(({ from, to }, i) => {
    const path = readTarget(from, `${at}[${i}].from`, collection);
    if (path.kind === 'simple') {
      const last = path.segments.at(-1);
      if (last?.kind !== 'name') throw new ConfigError(`${at}[${i}].from`, 'must end with a key');
      const parent = JSON.stringify(path.segments.slice(0, -1));
      for (const use of [`from ${JSON.stringify(last.name)}`, `to ${JSON.stringify(to)}`]) {
        const key = `${parent} ${use}`;
        if (seen.has(key)) throw new ConfigError(`${at}[${i}]`, 'names a key that another one of the list names too');
        seen.add(key);
      }
    }
    return { from: path, to };
  });
}

function readTemplate(text: string, at: string, collection: readonly string[]): Template {
  const template = attempt(at, () => compileTemplate(text));
  for (const { path } of template.references) withinElement(path, at, collection);
  return template;
}

/** Checks that a path begins at an element. One that begins above it would remove nothing, and nobody would notice. */
function withinElement(path: Path, at: string, collection: readonly string[]): Path {
  if (path.kind !== 'simple') return path;
  const head = path.segments.slice(0, collection.length);
  const behind = path.segments[collection.length];
  const isThroughIt =
    behind !== undefined &&
    behind.kind !== 'name' &&
    head.every((segment, i) => segment.kind === 'name' && segment.name === collection[i]);
  if (isThroughIt) throw new ConfigError(at, 'goes through the collection; paths begin at its elements');
  return path;
}

function readCollection(text: string): string[] {
  const path = attempt('collection', () => parsePath(text));
  const names = path.kind === 'simple' ? path.segments.flatMap((s) => (s.kind === 'name' ? [s.name] : [])) : [];
  if (path.kind !== 'simple' || names.length === 0 || names.length < path.segments.length) {
    throw new ConfigError('collection', 'must be keys only, such as entities or result.items');
  }
  return names;
}

function readHeader(name: string, at: string): string {
  if (!HEADER_NAME.test(name)) throw new ConfigError(at, 'is no header name');
  const header = name.toLowerCase();
  if (NEEDED_HEADERS.has(header)) throw new ConfigError(at, 'is a header that the client needs to read the body');
  return header;
}

/** Runs a function, and turns its error into a ConfigError about the field. */
function attempt<T>(at: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new ConfigError(at, (error as Error).message);
  }
}
