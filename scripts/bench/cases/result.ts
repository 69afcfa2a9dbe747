/** What a case came to, and rows that only some gateways have. */
import type { GatewayKind } from '../gateways.js';
import { type Case, type Row, type RowResult, runCase } from '../rows.js';

export interface CaseResult {
  name: string;
  connections: number;
  rows: Map<string, RowResult>;
}

/** Rows of Lua and of Kong's bundled plugins: the local gateway has neither. */
export function onKong(kind: GatewayKind, ...rows: Row[]): Row[] {
  return kind === 'kong' ? rows : [];
}

/** Runs a case. */
export async function resultOf(kind: GatewayKind, bench: Case): Promise<CaseResult> {
  return { name: bench.name, connections: bench.connections, rows: await runCase(kind, bench) };
}
