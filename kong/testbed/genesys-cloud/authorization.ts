/**
 * The browser's part of the authorization code grant with PKCE (RFC 6749 4.1, RFC 7636): GET /oauth/authorize. Nobody has
 * to log in here: the user is the one whom `login_hint` names, or the first. Only S256 is taken.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Models } from 'purecloud-platform-client-v2';
import { type Answer, json } from './answer.js';
import type { ClientStore } from './clients.js';
import type { WithId } from './data/entity.js';

/** What the browser was redirected with, and for whom. */
interface Code {
  clientId: string;
  redirectUri: string;
  challenge: string;
  userId: string;
  expiresAt: number;
}

export interface AuthorizationCodes {
  /** Makes a code, which is good for one use within five minutes. */
  make(code: Omit<Code, 'expiresAt'>): string;
  /** Returns the user of a code, and ends the code; undefined unless all of it fits. */
  redeem(code: string, request: { clientId: string; redirectUri: string; verifier: string }): string | undefined;
}

const CODE_LIFETIME_MS = 300_000;
const REMEMBERED_CODES = 1000;
/** RFC 7636 4.1 and 4.2. */
const VERIFIER = /^[\w.~-]{43,128}$/;
const CHALLENGE = /^[\w-]{43}$/;

export function createAuthorizationCodes(): AuthorizationCodes {
  const codes = new Map<string, Code>();
  return {
    make(code) {
      const value = randomBytes(32).toString('base64url');
      codes.set(value, { ...code, expiresAt: Date.now() + CODE_LIFETIME_MS });
      if (codes.size > REMEMBERED_CODES) codes.delete(codes.keys().next().value ?? '');
      return value;
    },
    redeem(value, { clientId, redirectUri, verifier }) {
      const code = codes.get(value);
      codes.delete(value);
      if (code === undefined || Date.now() >= code.expiresAt || !VERIFIER.test(verifier)) return undefined;
      const challenge = createHash('sha256').update(verifier).digest('base64url');
      const fits = code.clientId === clientId && code.redirectUri === redirectUri && code.challenge === challenge;
      return fits ? code.userId : undefined;
    },
  };
}

export interface AuthorizationServices {
  clients: ClientStore;
  codes: AuthorizationCodes;
  users: ReadonlyMap<string, WithId<Models.User>>;
}

/** Answers the browser: back to the app with a code, or with what is wrong; 400 if it is not known where to. */
export function answerAuthorize(query: URLSearchParams, { clients, codes, users }: AuthorizationServices): Answer {
  const clientId = query.get('client_id') ?? '';
  const redirectUri = query.get('redirect_uri') ?? '';
  if (!clients.get(clientId)?.redirectUris?.includes(redirectUri)) {
    const text = 'client_id or redirect_uri is not known';
    return json(400, { error: 'invalid_request', description: text, error_description: text });
  }
  const back = (parameters: Record<string, string>): Answer => {
    const url = new URL(redirectUri);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    const state = query.get('state');
    if (state !== null) url.searchParams.set('state', state);
    return { status: 302, headers: { location: url.href, 'cache-control': 'no-store' } };
  };
  if (query.get('response_type') !== 'code') return back({ error: 'unsupported_response_type' });
  const challenge = query.get('code_challenge') ?? '';
  if (query.get('code_challenge_method') !== 'S256' || !CHALLENGE.test(challenge)) {
    return back({ error: 'invalid_request', error_description: 'code_challenge with S256 is required' });
  }
  // `email`, or `email:organisation`.
  const [email] = (query.get('login_hint') ?? '').split(':');
  const active = [...users.values()].filter(({ state }) => state === 'active');
  const user = email ? active.find((one) => one.email === email) : active[0];
  if (user === undefined) return back({ error: 'access_denied' });
  return back({ code: codes.make({ clientId, redirectUri, challenge, userId: user.id }) });
}
