/** One login of an OAuth client, as a trial: genesys-token-manager makes it, the doctor and `npm start` ask for it. Types. */
import type { Agent } from 'node:http';

/** How a login ended. */
export interface LoginTrial {
  token: { value: string; lifetimeMs: number } | undefined;
  /** Why there is no token, without a secret. */
  problem: string | undefined;
  /** Whether the same login may work later. */
  retryable: boolean;
  /** Login's clock less this one; undefined if login said no time. */
  clockAheadMs: number | undefined;
}

/** An OAuth client at its token endpoint. */
export interface LoginClient {
  /** The same for the same client, however many tokens or plugins it has. Holds the secret: not to be shown. */
  key: string;
  clientId: string;
  clientSecret: string;
  tokenUrl: string;
  /** How many of its tokens the gateway holds, up to this one. */
  tokens: number;
  maxIdleMs: number | undefined;
  /** Returns the way to login: undefined for the usual one. */
  loadAgent(): Promise<Agent | undefined>;
  /** Asks for a token once. Never rejects. @param timeoutMs at most, if the configuration does not say less */
  logIn(timeoutMs: number): Promise<LoginTrial>;
}
