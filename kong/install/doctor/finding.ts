/** What the doctor says: findings, how they are printed, and what they may not hold. Pure. */
import { oneLine } from '../../../plugins/shared/one-line.js';

/** `ok`: as it should be; `warn`: works, with a risk; `fail`: does not work; `skip`: could not be looked at. */
export type Level = 'ok' | 'warn' | 'fail' | 'skip';

export interface Finding {
  /** Such as `node`, `redis`, `login`. */
  check: string;
  level: Level;
  /** What was found; for `skip`, why nothing was. */
  what: string;
  /** What to do about it. Each `warn` and `fail` has one. */
  fix?: string;
}

const MAX_TEXT_LENGTH = 400;
/** A shorter text is in many words, and hiding it would make lines useless. */
const SHORTEST_SECRET = 4;

/** Makes a finding that needs no fix. */
export function ok(check: string, what: string): Finding {
  return { check, level: 'ok', what };
}

/** Makes the finding of a check that could not run. */
export function skip(check: string, why: string, fix?: string): Finding {
  return { check, level: 'skip', what: why, ...(fix === undefined ? {} : { fix }) };
}

export function warn(check: string, what: string, fix: string): Finding {
  return { check, level: 'warn', what, fix };
}

export function fail(check: string, what: string, fix: string): Finding {
  return { check, level: 'fail', what, fix };
}

/** Returns the finding in one line of visible characters each, without any of the secrets. */
export function presentable(finding: Finding, secrets: Iterable<string>): Finding {
  const known = [...secrets].filter(({ length }) => length >= SHORTEST_SECRET).sort((a, b) => b.length - a.length);
  const clean = (text: string): string =>
    oneLine(
      known.reduce((rest, secret) => rest.replaceAll(secret, '***'), text),
      MAX_TEXT_LENGTH,
    );
  const { check, level, what, fix } = finding;
  return { check, level, what: clean(what), ...(fix === undefined ? {} : { fix: clean(fix) }) };
}

/** Prints one line a finding: `fail  redis  localhost:6379 ...; fix: ...`. */
export function asText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length), 0);
  return findings
    .map(({ check, level, what, fix }) => {
      return `${level.padEnd(4)}  ${check.padEnd(width)}  ${what}${fix === undefined ? '' : `; fix: ${fix}`}\n`;
    })
    .join('');
}

/** Prints `{"findings": [...], "ok": n, "warn": n, "fail": n, "skip": n}`. */
export function asJson(findings: readonly Finding[]): string {
  const count = (level: Level): number => findings.filter((finding) => finding.level === level).length;
  const counts = { ok: count('ok'), warn: count('warn'), fail: count('fail'), skip: count('skip') };
  return `${JSON.stringify({ findings, ...counts }, null, 2)}\n`;
}
