/**
 * How the findings of a check are told: as lines for people, as JSON, or as SARIF, which code hosts show at the lines of a
 * change. Pure.
 */
import type { CheckResult } from './check.js';
import type { Document, Fault } from './entities.js';
import { positionOf, type Source } from './position.js';

/** A fault or a warning, with its place in the file. */
export interface Finding {
  severity: 'error' | 'warning';
  file: string;
  /** From 1 on; undefined if the place is not known. */
  line?: number | undefined;
  column?: number | undefined;
  path: string;
  message: string;
  /** The rule's name; undefined for what Kong or a plugin refuses. */
  rule?: string | undefined;
  /** Lines of the aliases that use the same text. */
  usedIn: number[];
}

export const FORMATS = { text: asText, json: asJson, sarif: asSarif };

/**
 * Places findings, and tells one that several aliases repeat once.
 * @param rules whether what breaks a rule of ours is a fault; Kong takes it
 */
export function findingsOf(
  { faults, warnings }: CheckResult,
  documents: readonly Document[],
  rules: 'warn' | 'fail',
): Finding[] {
  const sources = new Map(documents.map(({ file, source }) => [file, source]));
  const findings = new Map<string, Finding>();
  const add = (severity: Finding['severity'], { file, path, at, message, rule, offset }: Fault): void => {
    const source = sources.get(file);
    const { line, column, usedAt } = (source && placeOf(source, at, offset)) ?? {};
    // Without a place, equal messages at other paths are other findings.
    const key = JSON.stringify([severity, file, line ?? path, column, message]);
    const finding = findings.get(key) ?? { severity, file, line, column, path, message, rule, usedIn: [] };
    if (usedAt !== undefined && !finding.usedIn.includes(usedAt)) finding.usedIn.push(usedAt);
    findings.set(key, finding);
  };
  for (const fault of faults) add(fault.rule === undefined || rules === 'fail' ? 'error' : 'warning', fault);
  for (const warning of warnings) add('warning', warning);
  return [...findings.values()];
}

function placeOf(source: Source, at: Fault['at'], offset: number | undefined): ReturnType<typeof positionOf> {
  if (offset === undefined) return positionOf(source, at);
  const { line, col } = source.lines.linePos(offset);
  return { line, column: col, usedAt: undefined };
}

function asText(findings: readonly Finding[]): string {
  return findings
    .map(({ severity, file, line, column, path, message, rule, usedIn }) => {
      const place = line === undefined ? file : `${file}:${line}:${column}`;
      const kind = severity === 'warning' ? 'warning: ' : '';
      const used = usedIn.length === 0 ? '' : ` (used in line${usedIn.length > 1 ? 's' : ''} ${usedIn.join(', ')})`;
      return `${place}: ${path}: ${kind}${message}${rule === undefined ? '' : ` [${rule}]`}${used}\n`;
    })
    .join('');
}

function asJson(findings: readonly Finding[]): string {
  return `${JSON.stringify(findings, null, 2)}\n`;
}

/** SARIF 2.1.0 (OASIS), as far as code hosts read it. */
function asSarif(findings: readonly Finding[]): string {
  const rules = [...new Set(findings.map(({ rule }) => rule ?? REFUSED))];
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'kong-genesys-cloud check', rules: rules.map((id) => ({ id })) } },
        results: findings.map(({ severity, file, line, column, path, message, rule }) => ({
          ruleId: rule ?? REFUSED,
          level: severity,
          message: { text: `${path}: ${message}` },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: file },
                ...(line === undefined ? {} : { region: { startLine: line, startColumn: column } }),
              },
            },
          ],
        })),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

/** The rule of what Kong or a plugin refuses. */
const REFUSED = 'refused';
