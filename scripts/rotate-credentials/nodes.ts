/** Asks the operator's port of every gateway node (genesys-token-manager, `--metrics`) what it uses. */

import { property } from '../../plugins/shared/property.js';
import type { NodeSample } from './adoption.js';
import type { Effects } from './effects.js';

/** A token that a node holds. Times are the node's own, counted from now, so that clocks need not agree. */
export interface NodeToken {
  clientId: string;
  ref: string;
  uses: number;
  ageMs: number;
  expiresInMs: number;
}

export interface NodeCredential {
  fingerprint: string;
  uses: number;
}

/** What a node tells; undefined if it cannot be asked. */
export interface Node {
  tokens: NodeToken[];
  credentials: NodeCredential[];
}

export type Nodes = Map<string, Node | undefined>;

const TIMEOUT_MS = 5000;

/** Asks all nodes at once. */
export async function askNodes(
  urls: readonly string[],
  what: 'tokens' | 'credentials',
  effects: Effects,
): Promise<Nodes> {
  return new Map(await Promise.all(urls.map(async (url) => [url, await askNode(url, what, effects)] as const)));
}

async function askNode(url: string, what: 'tokens' | 'credentials', effects: Effects): Promise<Node | undefined> {
  try {
    const request = { method: 'GET', url: `${url.replace(/\/$/, '')}/${what}`, headers: {}, timeoutMs: TIMEOUT_MS };
    const { status, text } = await effects.send(request);
    if (status !== 200) return undefined;
    const list = listIn(JSON.parse(text), what);
    if (what === 'tokens') return { tokens: list.flatMap(readToken), credentials: [] };
    return {
      tokens: [],
      credentials: list.map((entry) => ({
        fingerprint: String(property(entry, 'fingerprint')),
        uses: numberIn(entry, 'uses'),
      })),
    };
  } catch {
    return undefined;
  }
}

function readToken(entry: unknown): NodeToken[] {
  const token = property(entry, 'token');
  if (token === null || token === undefined) return [];
  return [
    {
      clientId: String(property(entry, 'client_id')),
      ref: String(property(token, 'ref')),
      uses: numberIn(token, 'uses'),
      ageMs: numberIn(token, 'age_seconds') * 1000,
      expiresInMs: numberIn(token, 'expires_in_seconds') * 1000,
    },
  ];
}

/** Sorts what the nodes tell into old and new. */
export function sampleTokens(nodes: Nodes, sideOf: (token: NodeToken) => 'old' | 'new' | undefined): Samples {
  return sample(nodes, ({ tokens }) =>
    tokens.map((token) => ({ side: sideOf(token), name: token.ref, uses: token.uses })),
  );
}

export function sampleCredentials(nodes: Nodes, old: string, successor: string): Samples {
  return sample(nodes, ({ credentials }) =>
    credentials.map(({ fingerprint, uses }) => ({
      side: fingerprint === old ? 'old' : fingerprint === successor ? 'new' : undefined,
      name: fingerprint,
      uses,
    })),
  );
}

export type Samples = Map<string, NodeSample | undefined>;

function sample(
  nodes: Nodes,
  usesOf: (node: Node) => { side: 'old' | 'new' | undefined; name: string; uses: number }[],
): Samples {
  return new Map(
    [...nodes].map(([url, node]) => {
      if (node === undefined) return [url, undefined];
      const uses = usesOf(node);
      const on = (side: 'old' | 'new') =>
        uses.filter((use) => use.side === side).map(({ name, uses: n }) => ({ name, uses: n }));
      return [url, { old: on('old'), new: on('new') }];
    }),
  );
}

function listIn(value: unknown, name: string): unknown[] {
  const list = property(value, name);
  if (!Array.isArray(list)) throw new Error(`no ${name}`);
  return list;
}

function numberIn(value: unknown, name: string): number {
  const number = property(value, name);
  return typeof number === 'number' ? number : 0;
}
