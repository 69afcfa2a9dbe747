/**
 * Tells what a filter would let out of a body, and why: for whoever configures the plugin. The filter itself says where each
 * value goes: it filters the body a second time with a mark in the place of each value.
 */
import { randomBytes } from 'node:crypto';
import { isPlainObject } from '../shared/plain-object.js';
import { printTrial, type Trial, type TrialRequest, type TriedValue } from '../shared/trial.js';
import { type Config, readConfig } from './config.js';
import { type Head, judgeHead, ruleFor, type Verdict } from './verdict.js';

/** What was asked for, and how the service answered. */
export interface Asked {
  method: string;
  /** As sent to the service. */
  path: string;
  status: number;
}

/** What a rule of the configuration says about the body, as it is written there. */
interface RawRule {
  keep?: unknown;
  remove?: unknown;
  template?: unknown;
}

const USUAL: Asked = { method: 'GET', path: '/', status: 200 };

/** More values than anyone reads. */
const MAX_VALUES = 5000;

/** A condition of JSONPath decides by values, which marks would replace. */
const CONDITION = /\?\s*[(@]/;

/** A link is told by how it begins. */
const LINK = /^(?:\/|https?:\/\/)/i;

/**
 * Filters a body as the plugin would.
 * @param raw the plugin's configuration, as it is in kong.yml
 * @returns what leaves, and below it each value with the reason
 * @throws ConfigError that names the field
 */
export async function tryFilter(raw: object, body: Buffer, asked: Asked): Promise<string> {
  return printTrial(await trialOf(raw, body, asked));
}

/** Filters an answer to a GET, for the page. @throws ConfigError that names the field */
export function trial({ config, body }: TrialRequest): Promise<Trial> {
  return trialOf(config, Buffer.from(body), USUAL);
}

async function trialOf(raw: object, body: Buffer, { method, path, status }: Asked): Promise<Trial> {
  const config = readConfig(raw);
  const head: Head = { method, uri: path, status, headers: { 'content-type': ['application/json'] } };
  const words = ['leaves', 'stays'] as const;
  const verdict = await judge(head, config, body);
  if (verdict.kind === 'block') return { summary: `blocked: ${verdict.reason}`, result: null, words, values: [] };
  const result = (verdict.kind === 'replace' ? verdict.body : body).toString();
  if (verdict.kind === 'pass') return { summary: verdict.warning ?? 'it leaves as it is', result, words, values: [] };
  if (CONDITION.test(JSON.stringify(raw))) {
    return { summary: 'filtered; with a condition in a path, values have no reasons here', result, words, values: [] };
  }
  const values = await reasonsOf(raw, head, config, body);
  const passing = values.filter(({ passes }) => passes).length;
  return { summary: `${passing} of ${values.length} values leave`, result, words, values };
}

async function judge(head: Head, config: Config, body: Buffer): Promise<Verdict> {
  const judged = judgeHead(head, config);
  return judged.kind === 'undecided' ? judged.judge(body) : judged;
}

async function reasonsOf(raw: object, head: Head, config: Config, body: Buffer): Promise<TriedValue[]> {
  const document: unknown = JSON.parse(body.toString());
  const { marked, pointers, pattern } = markValues(document);
  const marks = Buffer.from(JSON.stringify(marked));
  const survivors = async (some: Config): Promise<ReadonlySet<number>> => {
    const verdict = await judge(head, some, marks);
    const text = verdict.kind === 'replace' ? verdict.body.toString() : verdict.kind === 'pass' ? marks.toString() : '';
    return new Set([...text.matchAll(pattern)].map(([, number]) => Number(number)));
  };
  const rule = rawRuleOf(raw, head, config);
  const [passing, withoutRemoval] = [await survivors(config), await survivors(readConfig(withoutRemovals(raw)))];
  const [collection = ''] =
    'collection' in raw && typeof raw.collection === 'string' ? raw.collection.split('.') : ['entities'];
  const isPage = isPlainObject(document) && Array.isArray(document[collection]);
  return pointers.slice(0, MAX_VALUES).map((pointer, number) => {
    const isBesideCollection = isPage && pointer !== `/${collection}` && !pointer.startsWith(`/${collection}/`);
    const passes = passing.has(number);
    const why = passes
      ? whyPasses(rule, isBesideCollection)
      : whyStays(rule, withoutRemoval.has(number), isBesideCollection);
    return { pointer, passes, why };
  });
}

function whyPasses({ keep, template }: RawRule, isBesideCollection: boolean): string {
  if (isBesideCollection && (keep !== undefined || template !== undefined)) return 'a field of a page';
  if (template !== undefined) return 'in template';
  return keep === undefined ? 'not in remove' : 'in keep';
}

function whyStays({ keep, template }: RawRule, isRemoved: boolean, isBesideCollection: boolean): string {
  if (isRemoved) return 'in remove';
  if (isBesideCollection && (keep !== undefined || template !== undefined)) return 'no field of a page';
  if (template !== undefined) return 'not in template';
  return keep === undefined ? 'a link out of the route' : 'not in keep';
}

/** Returns the rule that applies, as it is written. An error that no rule matches is reduced, as if there were none. */
function rawRuleOf(raw: object, head: Head, config: Config): RawRule {
  const { rule } = ruleFor(head, head.method, config);
  const written = 'rules' in raw && Array.isArray(raw.rules) ? (raw.rules as RawRule[]) : [];
  return (rule && written[config.rules.indexOf(rule)]) ?? {};
}

/** Returns the configuration without what its rules remove: what passes then stays for that reason alone. */
function withoutRemovals(raw: object): object {
  if (!('rules' in raw) || !Array.isArray(raw.rules)) return raw;
  const rules = (raw.rules as Record<string, unknown>[]).map(({ remove, ...rule }) => {
    const isEmpty = rule.keep === undefined && rule.template === undefined && rule.rename === undefined;
    return isEmpty ? { ...rule, keep: ['$'] } : rule;
  });
  return { ...raw, rules };
}

/** Puts a mark in the place of each value. The pointers are in the order of the marks' numbers. */
function markValues(document: unknown): { marked: unknown; pointers: string[]; pattern: RegExp } {
  const prefix = `mark-${randomBytes(8).toString('hex')}`;
  const pointers: string[] = [];
  const mark = (value: unknown, pointer: string): unknown => {
    if (Array.isArray(value)) return value.map((item, index) => mark(item, `${pointer}/${index}`));
    if (isPlainObject(value)) {
      const entries = Object.entries(value).map(([key, item]) => [key, mark(item, `${pointer}/${escaped(key)}`)]);
      return Object.fromEntries(entries);
    }
    pointers.push(pointer);
    return `${typeof value === 'string' && LINK.test(value) ? '/' : ''}${prefix}-${pointers.length - 1}-`;
  };
  return { marked: mark(document, ''), pointers, pattern: new RegExp(`${prefix}-(\\d+)-`, 'g') };
}

/** Escapes a key for a pointer (RFC 6901). */
function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
