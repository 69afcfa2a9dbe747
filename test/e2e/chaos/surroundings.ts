/**
 * What the chaos suite breaks: a gateway with every plugin on its routes, two regions of Genesys Cloud behind relays,
 * Redis, and an audit log. Personal data, fields that nobody may get and clients' credentials are planted with markers of
 * their own.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { developmentEnv } from '../../../kong/testbed/development-config.js';
import { type ClientOptions, type GenesysCloud, startGenesysCloud } from '../../../kong/testbed/genesys-cloud/index.js';
import { memoryFolder } from '../../../kong/testbed/memory-folder.js';
import { byProcess, PLUGINS } from '../../../kong/testbed/plugin-servers.js';
import { openFiles, residentBytes } from '../../../kong/testbed/processes.js';
import { type RedisServer, startRedis } from '../../../kong/testbed/redis-server.js';
import { type Relay, startRelay } from '../../support/relay.js';
import { type Gateway, startGateway } from '../gateway.js';
import type { Holdings, Kind, Received, Token } from './invariants.js';

const IS_LONG = Boolean(process.env.LONG);

/** As shipped with LONG=1; else short enough that a run sees them pass. */
export const READ_TIMEOUT_MS = IS_LONG ? 10_000 : 1000;
export const DEADLINE_SECONDS = IS_LONG ? 30 : 5;
/** Tries of Kong for a read, the first included. */
export const READ_TRIES = 2;

/**
 * `timeout_ms` of the token manager: for so long a lock in Redis outlives the process that died with it, or that Redis
 * answered too late, while it was to ask login. Whoever has a token left does not notice.
 */
export const LOCK_MS = 1000;

/** Of `over-quota`: far less than the load asks for. */
export const QUOTA_LIMIT = 5;
export const QUOTA_WINDOW_SECONDS = 30 * 86_400;

/** What clients authenticate with; the names are in every part of it. */
export const CREDENTIALS = {
  key: 'clients-own-key',
  otherKey: 'clients-own-key-without-group',
  limitedKey: 'clients-own-key-with-quota',
  bearer: 'clients-own-bearer',
  cookie: 'session=clients-own-cookie',
  login: { username: 'chaos-client', password: 'clients-own-password' },
};
export const CREDENTIAL_MARKERS = [
  'clients-own',
  Buffer.from('chaos-client:clients-own').toString('base64').slice(0, 20),
];

/** In every answer of the simulators that is more than an error: fields that the filter lets nobody have. */
export const UNFILTERED = ['field-that-nobody-may-get', 'jabberId', 'primaryContactInfo'];

/** A person who does not exist, in answers and requests. No log may show any of it. */
export const PERSON = {
  name: 'Zacharias Quillfeather',
  email: 'zacharias@quillfeather-planted.example.com',
  phone: '+49 30 90182071',
  card: '4111 1111 1111 1111',
};
/** The tokens of genesys-login begin with the last one. */
export const PERSONAL_DATA = ['quillfeather', '90182071', '4111 1111', 'eyJhbGciOi', ...CREDENTIAL_MARKERS];

const MAIN = { clientId: 'chaos-main', clientSecret: 'secret-of-main', tokenLifetimeSeconds: 20 };
/** Its tokens die while login is down. */
const SHORT = { clientId: 'chaos-short', clientSecret: 'secret-of-short', tokenLifetimeSeconds: 1 };
const US = { clientId: 'chaos-us', clientSecret: 'secret-of-us', tokenLifetimeSeconds: 20 };

/** Whose token a kind of request carries in a region; undefined: it never goes there. */
export function clientOf(kind: Kind, region: string): string | undefined {
  if (region === 'us') return kind === 'regional' ? US.clientId : undefined;
  return kind === 'short-token' ? SHORT.clientId : MAIN.clientId;
}

/** A region behind relays that can refuse connections. */
export interface Region {
  name: string;
  cloud: GenesysCloud;
  api: Relay;
  login: Relay;
}

export interface Surroundings {
  gateway: Gateway;
  redis: RedisServer;
  eu: Region;
  us: Region;
  auditLogPath: string;
  /** Takes away what a disruption set at a simulator, and leaves what always stands there. */
  mend(region: Region): Promise<void>;
  received(): Received[];
  tokens(): Token[];
  holdings(): Holdings;
  close(): Promise<void>;
}

/** Starts all of it. */
export async function startSurroundings(): Promise<Surroundings> {
  const logDir = memoryFolder('chaos-');
  const redis = await startRedis();
  const eu = await startRegion('eu', 'eu_central_1', [MAIN, SHORT]);
  const us = await startRegion('us', 'us_east_1', [US]);
  const gateway = await startGateway({
    config: configuration({ eu, us, redis, logDir }),
    env: developmentEnv(),
    workers: 2,
    plugins: PLUGINS.map((plugin) => ({
      ...plugin,
      args: ['--deadline', String(DEADLINE_SECONDS), '--log-dir', logDir],
    })),
  });
  const regions = [eu, us];
  return {
    gateway,
    redis,
    eu,
    us,
    auditLogPath: join(logDir, 'audit.log'),
    mend,
    received: () => regions.flatMap(receivedBy),
    tokens: () =>
      regions.flatMap(({ name, cloud }) =>
        cloud.control
          .tokens()
          .map(({ ordinal, clientId, expiresAt }) => ({ region: name, ordinal, clientId, expiresAt })),
      ),
    holdings: () => holdingsOf(gateway, logDir),
    async close() {
      await gateway.close();
      for (const { cloud, api, login } of regions) {
        await api.close();
        await login.close();
        await cloud.close();
      }
      await redis.stop();
      rmSync(logDir, { recursive: true, force: true });
    },
  };
}

async function startRegion(name: string, region: string, clients: ClientOptions[]): Promise<Region> {
  const cloud = await startGenesysCloud({ region, clients, users: 50, rateLimitPerMinute: 0, keptRequests: 1_000_000 });
  for (const [path, { headers, body }] of Object.entries(STUBS)) {
    cloud.control.stub({ path: `/api/v2/chaos/${path}`, headers, body });
  }
  cloud.control.stub({ path: '/api/v2/chaos/write', method: 'POST', status: 201, body: planted('written') });
  const made = { name, cloud, api: await startRelay(cloud.port), login: await startRelay(cloud.port) };
  await mend(made);
  return made;
}

async function mend({ cloud, api, login }: Region): Promise<void> {
  await api.accept();
  await login.accept();
  cloud.control.clearFaults();
  cloud.control.setFault('api', { path: '/api/v2/chaos/breaks-off', dropMidBody: true });
}

/** An entity with all that is planted. */
function planted(id: string): Record<string, unknown> {
  const { name, email, phone, card } = PERSON;
  const note = `call ${phone}, write to ${email}, card ${card}`;
  return { id, name, email, ani: phone, note, 'field-that-nobody-may-get': `jabberId of ${id}` };
}

const LARGE_PAGE_USERS = 3000;
const JSON_TYPE = { 'content-type': 'application/json' };
const PAGE = JSON.stringify({ entities: Array.from({ length: 20 }, (_, n) => planted(`user-${n}`)), total: 20 });

/** What a service may get wrong, and a large page. */
const STUBS: Record<string, { headers: Record<string, string>; body: string | Buffer }> = {
  large: {
    headers: JSON_TYPE,
    body: JSON.stringify({ entities: Array.from({ length: LARGE_PAGE_USERS }, (_, n) => planted(`user-${n}`)) }),
  },
  malformed: { headers: JSON_TYPE, body: `${PAGE.slice(0, -40)},,` },
  html: { headers: { 'content-type': 'text/html' }, body: `<p>${PERSON.email}</p>${PAGE}` },
  'no-gzip': { headers: { ...JSON_TYPE, 'content-encoding': 'gzip' }, body: PAGE },
  'cut-gzip': { headers: { ...JSON_TYPE, 'content-encoding': 'gzip' }, body: gzipSync(PAGE).subarray(0, -30) },
  'breaks-off': { headers: JSON_TYPE, body: PAGE },
};

/** Last segments of paths whose answers cannot be filtered. */
export const BROKEN_PATHS = ['malformed', 'html', 'no-gzip', 'cut-gzip', 'breaks-off'] as const;

function receivedBy({ name, cloud }: Region): Received[] {
  return cloud.control.requests({ kind: 'api' }).map(({ headers, method, query, at, status }) => {
    const exchangeId = String(headers['x-chaos-id'] ?? '');
    return { region: name, exchangeId, headers, method, query, at, status };
  });
}

interface Parts {
  eu: Region;
  us: Region;
  redis: RedisServer;
  logDir: string;
}

function configuration({ eu, us, redis, logDir }: Parts): Record<string, unknown> {
  const redisSettings = { port: redis.port, key_prefix: 'chaos', timeout_ms: 50 };
  const common = {
    cache: 'redis',
    redis: redisSettings,
    cache_encryption_key: randomBytes(32).toString('base64'),
    refresh_ahead_seconds: 10,
    timeout_ms: LOCK_MS,
  };
  const credentials = ({ clientId, clientSecret }: ClientOptions) => ({
    client_id: clientId,
    client_secret: clientSecret,
  });
  const tokenUrl = ({ login }: Region): string => `http://${login.address}/oauth/token`;
  const ofClient = (client: ClientOptions) => ({ ...common, ...credentials(client), token_url: tokenUrl(eu) });
  const ofRegions = {
    ...common,
    regions: [
      { name: 'eu', upstream: 'chaos-eu', token_url: tokenUrl(eu), ...credentials(MAIN) },
      { name: 'us', upstream: 'chaos-us', token_url: tokenUrl(us), ...credentials(US) },
    ],
    failover: { probe_after_seconds: 1 },
  };
  const log = { name: 'genesys-pii-log', config: { sinks: [{ type: 'file', path: join(logDir, 'audit.log') }] } };
  const quotaOf = (namespace: string, limit: number) => ({
    name: 'genesys-quota',
    config: {
      namespace,
      limits: [{ name: 'chaos', limit, window_seconds: QUOTA_WINDOW_SECONDS, algorithm: 'fixed' }],
      policy: 'redis',
      redis: redisSettings,
      on_redis_error: 'local',
    },
  });
  const service = (name: string, url: string, group: string, tokenManager: object, limit = 1_000_000) => ({
    name,
    url,
    connect_timeout: 2000,
    write_timeout: READ_TIMEOUT_MS,
    read_timeout: READ_TIMEOUT_MS,
    // Writes are sent once.
    retries: group === 'readers' ? READ_TRIES - 1 : 0,
    routes: [
      {
        name,
        paths: [`/${name}`],
        plugins: [
          { name: 'key-auth', config: { hide_credentials: true } },
          { name: 'acl', config: { allow: [group], hide_groups_header: true } },
          log,
          quotaOf(`chaos-${name}`, limit),
          { name: 'genesys-token-manager', config: tokenManager },
          {
            name: 'genesys-response-filter',
            config: { rules: [{ paths: ['/api/v2/*'], keep: ['id', 'name', 'email'] }] },
          },
        ],
      },
    ],
  });
  const api = `http://${eu.api.address}/api/v2`;
  return {
    services: [
      service('reads', api, 'readers', ofClient(MAIN)),
      service('writes', api, 'writers', ofClient(MAIN)),
      service('limited', api, 'readers', ofClient(MAIN), QUOTA_LIMIT),
      service('short', api, 'readers', ofClient(SHORT)),
      service('regional', 'http://chaos-eu/api/v2', 'readers', ofRegions),
      {
        name: 'login',
        url: 'http://127.0.0.1:9',
        routes: [
          {
            name: 'login',
            paths: ['~/oauth/token$'],
            plugins: [
              { name: 'basic-auth', config: { hide_credentials: true } },
              log,
              {
                name: 'genesys-login',
                config: { key_id: 'k1', signing_key: '{vault://env/genesys-login-signing-key}' },
              },
            ],
          },
        ],
      },
    ],
    upstreams: [eu, us].map((region) => ({
      name: `chaos-${region.name}`,
      targets: [{ target: region.api.address }],
    })),
    consumers: [
      {
        username: 'chaos',
        acls: [{ group: 'readers' }, { group: 'writers' }],
        keyauth_credentials: [{ key: CREDENTIALS.key }],
        basicauth_credentials: [CREDENTIALS.login],
      },
      {
        username: 'chaos-limited',
        acls: [{ group: 'readers' }],
        keyauth_credentials: [{ key: CREDENTIALS.limitedKey }],
      },
      { username: 'chaos-other', acls: [{ group: 'none' }], keyauth_credentials: [{ key: CREDENTIALS.otherKey }] },
    ],
  };
}

/** Folders of Kong's prefix in which nothing may stay. */
const TEMPORARY = /\.socket$|_temp\/|\.tmp$/;

function holdingsOf(gateway: Gateway, logDir: string): Holdings {
  const processes = byProcess(PLUGINS).map(([name = '']): [string, Holdings['processes'][string]] => {
    const pids = gateway.pluginServerPids(name);
    const sum = (figure: (pid: number) => number): number => pids.reduce((total, pid) => total + figure(pid), 0);
    return [
      name,
      { count: pids.length, openFiles: sum((pid) => openFiles(pid).length), residentMb: sum(residentBytes) / 2 ** 20 },
    ];
  });
  // nginx' folders of temporary files stay; what lies in them must not.
  const list = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name));
  const temporary = gateway.folder === undefined ? [] : list(gateway.folder).filter((path) => TEMPORARY.test(path));
  return { processes: Object.fromEntries(processes), files: [...temporary, ...list(logDir)] };
}
