/**
 * Operations that act on the caller's own token, session or account. With a shared token the caller is the gateway, so
 * one client's logout would log out everybody. Pure.
 */
import { compilePathPattern, type PathPattern, servicePath } from '../shared/path-pattern.js';

/** Operations that are refused. */
export interface Refusals {
  /** Returns those on a path; usually none. @param upstreamUri the path as sent to the service, with or without query */
  on(upstreamUri: string): readonly Operation[];
}

/** An operation that is refused. */
export interface Operation {
  /** Undefined means every method that may change something. */
  method: string | undefined;
  path: PathPattern;
}

/** Methods that change nothing. A method that nobody knows is not among them. */
const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * By the operations of Genesys' SDK (npm purecloud-platform-client-v2 262). `DELETE /tokens/me` needs no permission. The
 * password and the verifiers of `/users/me` are the caller's own.
 */
const OWN = [
  '/api/v2/tokens/me',
  '/api/v2/sessions/me',
  '/api/v2/users/me/*',
  '/api/v2/webdeployments/token/revoke',
].map((path): Operation => ({ method: undefined, path: compilePathPattern(path) }));

/** What a path holds that names one of them, however it is written. */
const MAY_BE_OWN = /\/me(?:[/?;.]|$)|revoke|%/i;

/**
 * Makes the list of refused operations.
 * @param further operations such as `DELETE /api/v2/oauth/clients/{id}`; `*` is every method that may change something
 * @throws Error with what is wrong with one of them, as the end of a sentence
 */
export function createRefusals(further: readonly string[]): Refusals {
  const configured = further.map(parseOperation);
  const all = [...OWN, ...configured];
  return {
    on(upstreamUri) {
      if (configured.length === 0 && !MAY_BE_OWN.test(upstreamUri)) return NONE;
      // Genesys' paths have no capital letters that distinguish them, and lenient services ignore case.
      const path = servicePath(upstreamUri).toLowerCase();
      return all.filter((operation) => operation.path.matches(path));
    },
  };
}

const NONE: readonly Operation[] = [];

/** Returns whether an operation is among those found for its path. @param method as the client wrote it */
export function isRefused(found: readonly Operation[], method: string): boolean {
  return found.some((operation) =>
    operation.method === undefined ? !READS.has(method) : operation.method === method.toUpperCase(),
  );
}

function parseOperation(text: string): Operation {
  const [, method = '', path = ''] = /^([A-Z]+|\*) +(\S+)$/.exec(text) ?? [];
  if (method === '')
    throw new Error('must be a method in capital letters or *, and a path: DELETE /api/v2/things/{id}');
  return { method: method === '*' ? undefined : method, path: compilePathPattern(path.toLowerCase()) };
}
