/** What a case came to, and rows that only some gateways have. */
import type { GatewayKind } from '../gateways.js';
import { type Case, type Row, type RowResult, runCase } from '../rows.js';

export interface CaseResult {
  name: string;
  connections: number;
  rows: Map<string, RowResult>;
  /** For each row, its requests/s by those of another: on another machine only this figure means something. */
  ratios: Map<string, { of: string; ratio: number }>;
}

/** Rows of Lua and of Kong's bundled plugins: the local gateway has neither. */
export function onKong(kind: GatewayKind, ...rows: Row[]): Row[] {
  return kind === 'kong' ? rows : [];
}

/** Runs a case. */
export async function resultOf(kind: GatewayKind, bench: Case): Promise<CaseResult> {
  const rows = await runCase(kind, bench);
  const usual = bench.rows.find(({ name }) => name.startsWith('Lua'))?.name ?? bench.rows[0]?.name ?? '';
  const ratios = bench.rows.map(({ name, comparedWith: of = usual }) => {
    const [own, other] = [rows.get(name)?.requestsPerSecond ?? 0, rows.get(of)?.requestsPerSecond ?? Number.NaN];
    return [name, { of, ratio: own / other }] as const;
  });
  return { name: bench.name, connections: bench.connections, rows, ratios: new Map(ratios) };
}
