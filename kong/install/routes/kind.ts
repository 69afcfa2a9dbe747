/** What an operation does, as far as a gateway cares: who may send it, and how long it takes. Pure. */
import type { Operation } from './api.js';

/**
 * `read`: a GET. `query`: a POST that only reads. `bulk`: what reads, and answers with 10 MB and more: analytics and bulk
 * data. `write`: everything else.
 */
export type Kind = 'read' | 'query' | 'bulk' | 'write';

const READING = new Set(['GET', 'HEAD']);
const BULK = /^\/api\/v2\/(?:analytics|recording\/jobs|externalcontacts\/bulk)(?:\/|$)/;
/** What a permission's last word says of an operation that changes something, whatever its path looks like. */
const CHANGING = /:(?:add|create|edit|update|manage|delete|remove|assign|upload|publish|execute|send)\w*$/i;

/** Returns an operation's kind. What is not known to read is a write. */
export function kindOf(operation: Pick<Operation, 'method' | 'path' | 'permissions'>): Kind {
  const { method, path, permissions } = operation;
  const reads = READING.has(method) || (isReadingPost(operation) && !permissions?.names.some(isChanging));
  if (!reads) return 'write';
  if (BULK.test(path)) return 'bulk';
  return method === 'POST' ? 'query' : 'read';
}

function isChanging(permission: string): boolean {
  return CHANGING.test(permission);
}

/**
 * Returns whether a POST only reads, by its path: a query or a search by the last word, a query that Genesys answers later
 * (analytics jobs), and what is retrieved in bulk.
 */
export function isReadingPost({ method, path }: Pick<Operation, 'method' | 'path'>): boolean {
  if (method !== 'POST') return false;
  return (
    /\/(query|search)$/.test(path) ||
    /^\/api\/v2\/analytics\/.+\/(aggregates|details)\/jobs$/.test(path) ||
    /\/bulk\/retrieve$/.test(path) ||
    /^\/api\/v2\/externalcontacts\/bulk\/(contacts|notes|organizations|relationships)$/.test(path)
  );
}
