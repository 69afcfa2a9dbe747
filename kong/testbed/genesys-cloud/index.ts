/**
 * The Genesys Cloud simulator: login and API host of one region on one loopback port. For tests (in process) and for
 * `npm start`. Nothing in it leaves the machine, and nobody in it exists.
 */
import type { AddressInfo } from 'node:net';
import { createRouter } from './api/router.js';
import { createAuthorizationCodes } from './authorization.js';
import { type ClientOptions, createClientStore, DEFAULT_CLIENT } from './clients.js';
import { type Control, createControl, type Settings } from './control.js';
import { answerControl } from './control-api.js';
import { createOrganizationData } from './data/organization.js';
import { createSizedPages } from './data/sized-page.js';
import { createFaultStore } from './faults.js';
import { createRateLimiter, DEFAULT_RATE_LIMIT_PER_MINUTE } from './rate-limit.js';
import { createRequestLog } from './requests.js';
import { createSecurityStore } from './security.js';
import { createRegionServer } from './server.js';
import { createStubStore } from './stubs.js';
import { createTokenStore } from './tokens.js';
import { createUsageRecord } from './usage-record.js';

export { type ClientOptions, DEFAULT_CLIENT, DEMO_APP } from './clients.js';
export type { Control } from './control.js';
export type { ActiveFault, Fault, FaultTarget } from './faults.js';
export type { RouteLimit } from './rate-limit.js';
export type { Counts, ReceivedRequest, RequestFilter } from './requests.js';
export type { Encoding, Stub } from './stubs.js';
export type { IssuedToken } from './tokens.js';
export type { UsageEntry } from './usage-record.js';

export interface GenesysCloudOptions {
  /** 0, the default, takes a free port. */
  port?: number;
  /** Names the organisation and seeds its data; default us_east_1. */
  region?: string;
  /** Default: one client, `DEFAULT_CLIENT`. */
  clients?: ClientOptions[];
  /** Default 1000. */
  users?: number;
  /** For each token; default 300, 0 switches the limit off. */
  rateLimitPerMinute?: number;
  /** Live tokens of one client, over which the oldest dies; default: no limit. */
  maxTokensPerClient?: number;
  /** Ids of secrets below /api/v2/security/secrets; default: none. */
  securitySecrets?: string[];
  /** How many received requests are kept; default 10,000. */
  keptRequests?: number;
}

export interface GenesysCloud {
  /** http://127.0.0.1:<port> */
  url: string;
  port: number;
  /** `url` + /oauth/token */
  tokenUrl: string;
  region: string;
  control: Control;
  /** Refuses connections at once, destroys the open ones, frees the port. May be called again. */
  close(): Promise<void>;
}

const HOST = '127.0.0.1';

/** Thousands of connections may arrive in one burst. */
const BACKLOG = 4096;

/**
 * Starts the simulator of one region.
 * @throws Error with a message for people if the port cannot be listened on; its `cause` is Node's error
 */
export async function startGenesysCloud(options: GenesysCloudOptions = {}): Promise<GenesysCloud> {
  const region = options.region ?? 'us_east_1';
  const data = createOrganizationData(region, options.users ?? 1000);
  const clients = createClientStore(options.clients ?? [DEFAULT_CLIENT]);
  const tokens = createTokenStore(options.maxTokensPerClient ?? null);
  const settings: Settings = { tokenLifetimeSeconds: undefined, compression: false, rateLimitHeaders: false };
  const parts = {
    log: createRequestLog(options.keptRequests ?? 10_000),
    faults: createFaultStore(),
    stubs: createStubStore(createSizedPages(data)),
    tokens,
    clients,
    rateLimiter: createRateLimiter(options.rateLimitPerMinute ?? DEFAULT_RATE_LIMIT_PER_MINUTE),
    settings,
    usage: createUsageRecord(),
  };
  const control = createControl(parts);
  const server = createRegionServer({
    ...parts,
    codes: createAuthorizationCodes(),
    users: data.users,
    router: createRouter({
      data,
      clients,
      tokens,
      security: createSecurityStore(options.securitySecrets ?? []),
      usage: parts.usage,
    }),
    answerControl: (...request) => answerControl(control, ...request),
  });

  const wantedPort = options.port ?? 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === 'EADDRINUSE' ? `port ${wantedPort} is taken` : cause.message;
      reject(new Error(`The Genesys Cloud simulator cannot start: ${reason}.`, { cause }));
    });
    server.listen({ host: HOST, port: wantedPort, backlog: BACKLOG }, resolve);
  });
  // The address of a TCP server that listens is never text or null.
  const { port } = server.address() as AddressInfo;
  const url = `http://${HOST}:${port}`;

  let closing: Promise<void> | undefined;
  return {
    url,
    port,
    tokenUrl: `${url}/oauth/token`,
    region,
    control,
    close() {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closing;
    },
  };
}
