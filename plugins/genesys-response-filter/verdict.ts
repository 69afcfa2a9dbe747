/** What becomes of a response. Knows nothing of Kong. */
import { forwardedMethod } from '../shared/forwarded-method.js';
import { servicePath } from '../shared/path-pattern.js';
import type { HeaderMap } from '../shared/pdk.js';
import type { Config, Rule } from './config.js';
import { decodeContent, isJsonType, utf8ContentType } from './content.js';
import { BodyFault } from './json/body-fault.js';
import { reduceError } from './rule/error-body.js';
import type { BodyFilter } from './rule/filter.js';

/** The service's answer, and what was asked. */
export interface Exchange {
  method: string;
  /** As sent to the service, with or without query; empty if no rule depends on it. */
  uri: string;
  status: number;
  headers: HeaderMap;
  body: Buffer;
}

export type Verdict =
  /** It leaves as it is. */
  | { kind: 'pass'; removeHeaders: readonly string[]; warning: string | undefined }
  /** Its body leaves filtered. */
  | { kind: 'replace'; removeHeaders: readonly string[]; body: Buffer; contentType: string | undefined }
  /** Nothing of its body leaves. `status`: to answer with; undefined: that of a blocked response. */
  | { kind: 'block'; removeHeaders: readonly string[]; status: number | undefined; reason: string };

/** Methods that change nothing, so that a client may be told to try again. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Decides. Does not reject. */
export async function judge(exchange: Exchange, config: Config): Promise<Verdict> {
  const { status, headers, body } = exchange;
  const method = forwardedMethod(exchange.method);
  const path = config.readsPath ? servicePath(exchange.uri) : '';
  const candidates = config.rules.filter((rule) => covers(rule, method, path));
  const rule = candidates.find(({ statuses }) => (statuses === undefined ? status < 400 : statuses.has(status)));
  const removeHeaders = rule?.removeHeaders ?? [];

  const pass = (warning?: string): Verdict => ({ kind: 'pass', removeHeaders, warning });
  const block = (reason: string): Verdict => {
    // A write that was done must not look failed, and an error stays the error that it is.
    const keepsStatus = status >= 400 || !SAFE_METHODS.has(method);
    return { kind: 'block', removeHeaders, status: keepsStatus ? status : undefined, reason };
  };

  if (body.length === 0) return pass();
  let filter: BodyFilter;
  if (rule !== undefined) filter = rule.filter;
  else if (config.onNoMatch === 'pass' && (candidates.length === 0 || status < 400)) return pass();
  else if (status >= 400) filter = reduceError;
  else return block('no rule matches it');
  // A part may be one of a JSON body, whatever type its frame has (multipart/byteranges).
  const isPart = status === 206;
  if (!isPart && !isJsonType(headers)) return config.nonJson === 'pass' ? pass() : block('its type is not JSON');

  try {
    if (isPart) throw new BodyFault('a part of one only');
    const plain = await decodeContent(body, headers, config.maxBodyBytes);
    if (plain.length === 0) return pass();
    const filtered = await filter(plain);
    if (filtered === body) return pass();
    return { kind: 'replace', removeHeaders, body: filtered, contentType: utf8ContentType(headers) };
  } catch (error) {
    // Other errors could quote the body.
    const reason = error instanceof BodyFault ? error.message : `not filtered (${nameOf(error)})`;
    return config.onError === 'pass'
      ? pass(`it leaves unfiltered: its body is ${reason}`)
      : block(`its body is ${reason}`);
  }
}

function covers({ methods, paths }: Rule, method: string, path: string): boolean {
  if (methods !== undefined && !methods.has(method)) return false;
  return paths === undefined || paths.some((pattern) => pattern.matches(path));
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
