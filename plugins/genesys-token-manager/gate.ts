/**
 * What is refused before a request gets a shared credential: a request that could carry it elsewhere, an operation on
 * the credential itself, and a client whose own token it has revoked. A request with its user's own token gets no other.
 * Usually the two reads of the request guard are enough; more is read for the few paths that name the caller's own
 * token, while some token is revoked, and for requests with a bearer token.
 */
import { log } from '../runtime/effects.js';
import { refused } from '../runtime/refused.js';
import { GO_ON, type PlainAnswer, type Reader, type Verdict } from '../runtime/step.js';
import { isOwnToken } from '../shared/genesys-route.js';
import { type GuardedRequest, readGuarded, refusalOf } from '../shared/http/request-guard.js';
import type { Consumer, HeaderMap } from '../shared/pdk.js';
import { TOKEN_MARK, USER_MARK } from '../shared/token-mark.js';
import { mayBeCut } from '../shared/withheld-headers.js';
import { answered, withoutToken } from './answers.js';
import type { LoginTokens } from './login-tokens.js';
import { isRefused, type Operation, type Refusals } from './own-token.js';

/** What the gate checks. */
export interface GateFacts extends GuardedRequest {
  /** The request's headers, in lower case: some of them are removed with the credential. */
  headers: HeaderMap;
  /** The Authorization header, if a token in it may have been revoked. */
  authorization: string;
  /** Whether genesys-user-token has let the request through with its user's own token. */
  isUsers: boolean;
  /** Undefined unless the path is one on which operations are refused. */
  own: OwnFacts | undefined;
}

interface OwnFacts {
  /** The refused operations of the path. */
  operations: readonly Operation[];
  method: string;
  authorization: string;
  consumer: Consumer | undefined;
}

export interface Gate {
  /** Reads what the gate checks. */
  read(event: Reader): Promise<GateFacts>;
  /** Returns the answer to a request that is not let through, or that goes on as it is; undefined if it gets a credential. */
  judge(facts: GateFacts): Verdict | Promise<Verdict> | undefined;
}

const NOT_YOURS = 'it acts on the token or the account that the gateway holds for all of its clients';

/** As Genesys answers a logout. */
const LOGGED_OUT: PlainAnswer = {
  status: 200,
  body: '',
  headers: { 'Cache-Control': 'no-store' },
};

/** Makes the gate of one configuration. */
export function createGate(refusals: Refusals, loginTokens: LoginTokens): Gate {
  return {
    async read(event) {
      const [connection, upstreamUri, headers, authorization] = await Promise.all([
        ...readGuarded(event),
        event.request.getHeaders(),
        loginTokens.isAnyRevoked() ? event.nginx.getVar(AUTHORIZATION) : '',
      ]);
      const isUsers = mayBeUsers(headers) && (await event.ctx.shared.get(TOKEN_MARK)) === USER_MARK;
      const operations = isUsers ? [] : refusals.on(upstreamUri);
      const own = operations.length === 0 ? undefined : await readOwn(event, operations);
      return { connection, upstreamUri, headers, authorization, isUsers, own };
    },
    judge(facts) {
      const refusal = refusalOf(facts);
      if (refusal !== undefined) return withoutToken(refused(refusal));
      if (facts.isUsers) return GO_ON;
      if (facts.authorization !== '' && loginTokens.isRevoked(facts.authorization)) return REVOKED;
      const { own, upstreamUri } = facts;
      if (own === undefined || !isRefused(own.operations, own.method)) return undefined;
      if (own.method === 'DELETE' && isOwnToken(upstreamUri)) {
        const revoking = loginTokens.revoke(own.authorization, own.consumer?.username);
        if (revoking !== undefined) return revoking.then(() => withoutToken({ effects: [], answer: LOGGED_OUT }));
      }
      const message = `The gateway refuses this request: ${NOT_YOURS}`;
      return answered({ code: 'gateway.request.refused', message }, [
        log('debug', `a request is refused: ${NOT_YOURS}`),
      ]);
    },
  };
}

/** Spares requests without a bearer token the reading of the mark. One with very many headers may have it unseen. */
const mayBeUsers = (headers: HeaderMap): boolean =>
  /^bearer /i.test(headers.authorization?.[0] ?? '') || mayBeCut(headers);

/** nginx joins all lines of the header in this variable. */
const AUTHORIZATION = 'http_authorization';

async function readOwn(event: Reader, operations: readonly Operation[]): Promise<OwnFacts> {
  const [method, authorization, consumer] = await Promise.all([
    event.request.getMethod(),
    event.nginx.getVar(AUTHORIZATION),
    event.client.getConsumer(),
  ]);
  return { operations, method, authorization, consumer };
}

/** In the words of Genesys about a token that is dead. */
const REVOKED: Verdict = answered({
  code: 'gateway.request.refused',
  message: 'Invalid login credentials.',
  status: 401,
  headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
});
