/** Decides what happens to a response. Does not depend on Kong. */
import { type ByteBudget, NoRoom } from '../shared/byte-budget.js';
import { forwardedMethod } from '../shared/forwarded-method.js';
import { servicePath } from '../shared/path-pattern.js';
import type { HeaderMap } from '../shared/pdk.js';
import type { Config, Rule } from './config.js';
import { declaredBytes, decodeContent, isJsonType, tooLarge, utf8ContentType } from './content.js';
import { BodyFault } from './json/body-fault.js';
import { reduceError } from './rule/error-body.js';
import type { BodyFilter } from './rule/filter.js';
import { linksOf, type RequestPaths } from './rule/links.js';

/** The head of the service's answer, and what was asked for. */
export interface Head {
  method: string;
  /** The URI as sent to the service, with or without query; empty if no rule depends on it. */
  uri: string;
  status: number;
  headers: HeaderMap;
}

export type Verdict =
  /** The response goes out as it is. */
  | { kind: 'pass'; removeHeaders: readonly string[]; warning: string | undefined; plain?: Buffer }
  /** The response goes out with a filtered body. */
  | {
      kind: 'replace';
      removeHeaders: readonly string[];
      body: Buffer;
      contentType: string | undefined;
      /** The service's body, without compression. Others have it in report mode only. */
      plain: Buffer;
    }
  /** Nothing of the body goes out. `status` is the answer's status; undefined means that of a blocked response. */
  | {
      kind: 'block';
      removeHeaders: readonly string[];
      status: number | undefined;
      reason: string;
      retryAfterSeconds?: number;
      plain?: Buffer;
    };

/** The head alone does not decide. */
export interface Undecided {
  kind: 'undecided';
  /** The length of the body, if the head says it. It is not more than `maxBytes` then. */
  declaredBytes: number | undefined;
  /** How much of the body is needed. A longer body need not be read. */
  maxBytes: number;
  /**
   * Judges the body, or a body that is longer than `maxBytes` if it is undefined. Does not reject.
   * @param paths those of the request, for links
   */
  judge(body: Buffer | undefined, paths?: RequestPaths): Promise<Verdict>;
  /** The verdict if there is no room for the body: nothing of it goes out, whatever `on_error` says. */
  noRoom: Verdict;
}

/** Methods that change nothing, so a client may be told to try again. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Statuses without a body (RFC 9110 15.3.5, 15.4.5). */
const BODILESS_STATUSES = new Set([204, 304]);

/** So long a body is looked through in report mode: nothing else goes on meanwhile. */
export const MAX_LOOKED_AT_BYTES = 1024 * 1024;

/** How long a client should wait after a refusal for lack of room. */
const RETRY_AFTER_SECONDS = 1;

/**
 * Judges a response by its head. The body is judged only if it matters.
 * @param threads limits what is decompressed at the same time
 */
export function judgeHead(head: Head, config: Config, threads?: ByteBudget): Verdict | Undecided {
  const { status, headers } = head;
  const { maxBodyBytes } = config;
  const method = forwardedMethod(head.method);
  const { rule, isCovered } = ruleFor(head, method, config);
  const removeHeaders = rule?.removeHeaders ?? [];
  // A write that succeeded must not look failed, and an error keeps its status.
  const keepsStatus = status >= 400 || !SAFE_METHODS.has(method);

  const pass = (warning?: string): Verdict => ({ kind: 'pass', removeHeaders, warning });
  const block = (reason: string): Verdict => ({
    kind: 'block',
    removeHeaders,
    status: keepsStatus ? status : undefined,
    reason,
  });
  const fail = (error: unknown): Verdict => {
    // Messages of other errors may contain parts of the body.
    const reason = error instanceof BodyFault ? error.message : `not filtered (${nameOf(error)})`;
    return config.onError === 'pass'
      ? pass(`it leaves unfiltered: its body is ${reason}`)
      : block(`its body is ${reason}`);
  };
  const noRoom: Verdict = {
    ...block('too many bodies are in work'),
    ...(keepsStatus ? {} : { status: 503, retryAfterSeconds: RETRY_AFTER_SECONDS }),
  };

  const declared = sizeOf(head);
  const read = (maxBytes: number, judge: Undecided['judge']): Undecided => ({
    kind: 'undecided',
    declaredBytes: declared,
    maxBytes,
    judge,
    noRoom,
  });
  /** In report mode, reads a body that does not matter to the verdict, for its fields. Undefined if it has none. */
  const lookedAt = (verdict: Verdict): Undecided | undefined => {
    const maxBytes = Math.min(maxBodyBytes, MAX_LOOKED_AT_BYTES);
    const hasFields = status < 400 && status !== 206 && isJsonType(headers) && (declared ?? 0) <= maxBytes;
    if (!config.reportsOnly || !hasFields) return undefined;
    const judge = async (body: Buffer | undefined): Promise<Verdict> => {
      if (body === undefined) return verdict;
      if (body.length === 0) return pass();
      const plain = await decodeContent(body, headers, maxBytes, threads).catch(() => undefined);
      return plain === undefined ? verdict : { ...verdict, plain };
    };
    return { ...read(maxBytes, judge), noRoom: verdict };
  };
  /** Lets an empty body pass. Its length is not taken from a header, which another plugin may have set. */
  const unlessEmpty = (verdict: Verdict): Verdict | Undecided =>
    declared ? verdict : read(0, async (body) => (body?.length === 0 ? pass() : verdict));

  let filter: BodyFilter;
  if (rule !== undefined) filter = rule.filter;
  else if (config.onNoMatch === 'pass' && (!isCovered || status < 400)) return lookedAt(pass()) ?? pass();
  else if (status >= 400) filter = reduceError;
  else {
    const verdict = block('no rule matches it');
    return lookedAt(verdict) ?? unlessEmpty(verdict);
  }
  // It may be a part of a JSON body, whatever the type around it says (multipart/byteranges).
  if (status === 206) return unlessEmpty(fail(new BodyFault('a part of one only')));
  if (!isJsonType(headers)) return config.nonJson === 'pass' ? pass() : unlessEmpty(block('its type is not JSON'));
  if (declared !== undefined && declared > maxBodyBytes) return fail(tooLarge(maxBodyBytes));
  return read(maxBodyBytes, async (body, paths) => {
    if (body === undefined) return fail(tooLarge(maxBodyBytes));
    if (body.length === 0) return pass();
    try {
      const plain = await decodeContent(body, headers, maxBodyBytes, threads);
      if (plain.length === 0) return pass();
      const filtered = await filter(plain, linksOf(config.links, paths));
      if (filtered === body) return config.reportsOnly ? { ...pass(), plain } : pass();
      return { kind: 'replace', removeHeaders, body: filtered, contentType: utf8ContentType(headers), plain };
    } catch (error) {
      return error instanceof NoRoom ? noRoom : fail(error);
    }
  });
}

/** Returns how long the body is, if the head says it. Without a body, Content-Length is about another answer. */
export function sizeOf({ method, status, headers }: Head): number | undefined {
  return method === 'HEAD' || BODILESS_STATUSES.has(status) ? undefined : declaredBytes(headers);
}

/** Finds the rule that applies, and whether any rule matches the request's method and path. */
export function ruleFor(
  { uri, status }: Head,
  method: string,
  { rules, readsPath }: Config,
): { rule: Rule | undefined; isCovered: boolean } {
  const path = readsPath ? servicePath(uri) : '';
  const candidates = rules.filter((rule) => covers(rule, method, path));
  const rule = candidates.find(({ statuses }) => (statuses === undefined ? status < 400 : statuses.has(status)));
  return { rule, isCovered: candidates.length > 0 };
}

function covers({ methods, paths }: Rule, method: string, path: string): boolean {
  if (methods !== undefined && !methods.has(method)) return false;
  return paths === undefined || paths.some((pattern) => pattern.matches(path));
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
