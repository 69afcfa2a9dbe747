/**
 * `npm run soak -- --minutes 60 --gateway kong|local --form separate|combined`: half of the load that the gateway can take, for as long as asked, and
 * whether it stays as it was: memory, open files, latency. All plugins on one route, some on others, refusals among them;
 * tokens are renewed all the time. One line a minute, a verdict, soak-results.json; exit 1 if it was not flat.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { combineConfig } from '../../kong/install/combine/apply.js';
import { startLocalGateway } from '../../kong/local-gateway/index.js';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { memoryFolder } from '../../kong/testbed/memory-folder.js';
import { type Declarative, kongMissing, startNativeKong } from '../../kong/testbed/native-kong.js';
import { byProcess, type ExternalPlugin, PLUGINS, pluginServerCommands } from '../../kong/testbed/plugin-servers.js';
import { openFiles, residentBytes } from '../../kong/testbed/processes.js';
import { REDIS_MISSING, type RedisServer, startRedis } from '../../kong/testbed/redis-server.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { answerHelp, readArguments } from '../arguments.js';
import { type Probe, quantile, startPacedLoad } from './paced-load.js';
import { judgeSoak, type Sample, type Verdict } from './soak-verdict.js';
import { nginxMissing, startStaticUpstream } from './static-upstream.js';

const USAGE = 'usage: npm run soak -- [--minutes N] [--gateway kong|local] [--form separate|combined]';
const RESULTS = 'soak-results.json';
const CONNECTIONS = 16;
const SAMPLE_MS = 10_000;
const SAMPLES_A_MINUTE = 6;
/** How long the maximum is measured, after as long without measuring. */
const MAXIMUM_MS = 5000;
/** So that tokens are renewed every ten seconds. */
const TOKEN_LIFETIME_SECONDS = 20;
const USERS = 5;
const KEY = 'soak-key';

/** The gateway under load. */
interface Soaked {
  url: string;
  /** The processes that are watched now, by name. */
  processes(): Record<string, number>;
  close(): Promise<void>;
}

const closers: (() => Promise<void>)[] = [];

type Kind = 'kong' | 'local';
type Form = 'separate' | 'combined';

function readSettings(): { minutes: number; gateway: Kind; form: Form } {
  const { values } = readArguments(USAGE, {
    options: {
      minutes: { type: 'string', default: '60' },
      gateway: { type: 'string', default: 'kong' },
      form: { type: 'string', default: 'separate' },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes >= 2 && minutes <= 10_000)) throw new Error(`--minutes ${values.minutes}: 2 to 10000`);
  if (values.gateway !== 'kong' && values.gateway !== 'local')
    throw new Error(`--gateway ${values.gateway}: kong or local`);
  if (values.form !== 'separate' && values.form !== 'combined')
    throw new Error(`--form ${values.form}: separate or combined`);
  const missing = nginxMissing() ?? (values.gateway === 'kong' ? kongMissing() : undefined);
  if (missing !== undefined) throw new Error(missing);
  return { minutes, gateway: values.gateway, form: values.form };
}

async function soak({ minutes, gateway: kind, form }: ReturnType<typeof readSettings>): Promise<number> {
  const logDir = memoryFolder('soak-');
  closers.push(async () => rmSync(logDir, { recursive: true, force: true }));
  const auditLog = join(logDir, 'audit.log');
  const login = await startGenesysCloud({
    clients: [{ ...DEFAULT_CLIENT, tokenLifetimeSeconds: TOKEN_LIFETIME_SECONDS }],
    keptRequests: 100,
  });
  closers.push(() => login.close());
  const upstream = await startStaticUpstream({ '/api/v2/users': { body: pageOfUsers(), needsToken: true } });
  closers.push(() => upstream.close());
  const redis = REDIS_MISSING === undefined ? await startRedis() : undefined;
  if (redis === undefined) console.log(`without Redis, counters and tokens in memory: ${REDIS_MISSING}`);
  else closers.push(() => redis.stop());

  const separate = configuration({ upstreamUrl: upstream.url, login, redis, auditLog });
  const config = form === 'combined' ? combineConfig(separate) : separate;
  const gateway = await (kind === 'kong' ? startKong : startLocal)(config, logDir);
  closers.push(() => gateway.close());
  await waitFor('every route to answer', () => answersAll(gateway.url), 60_000);

  const maximum = await measureMaximum(gateway.url);
  const pace = Math.max(1, Math.floor(maximum / 2));
  console.log(`${kind}, ${form}: at most ${maximum.toFixed(0)} requests/s; ${pace} for ${minutes} minutes`);
  const samples = await keepUp({ gateway, pace, minutes, login, auditLog });
  const verdict = judgeSoak(samples);
  report(verdict);
  const tokens = login.control.counts().tokensIssued;
  writeFileSync(
    RESULTS,
    `${JSON.stringify({ kind, form, minutes, maximum, pace, tokens, verdict, samples }, null, 2)}\n`,
  );
  console.log(`written to ${RESULTS}`);
  return verdict.isFlat ? 0 : 1;
}

/** Probes with the parts of the load that they make up. */
const accepted = (body: string): boolean => body.startsWith('{"entities":[{"id":');
const FILTERED = (body: string): boolean => accepted(body) && !body.includes('secret-field');
const PASSED = (body: string): boolean => accepted(body) && body.includes('secret-field');
const WITH_KEY = { apikey: KEY };
const PROBES: readonly Probe[] = [
  ...Array.from({ length: 5 }, () => probe('all plugins', '/all/users', WITH_KEY, 200, FILTERED)),
  ...Array.from({ length: 2 }, () => probe('token manager alone', '/tokens/users', WITH_KEY, 200, PASSED)),
  probe('quota and token manager', '/quota/users', WITH_KEY, 200, PASSED),
  probe('over its limit', '/limited/users', WITH_KEY, 429, (body) => body.includes('gateway.quota.exceeded')),
  probe('without a key', '/all/users', {}, 401, (body) => body.includes('No API key')),
];

function probe(
  name: string,
  path: string,
  headers: Record<string, string>,
  status: number,
  accepts: Probe['accepts'],
): Probe {
  return { name, path, headers: { ...headers, 'X-Caller-Name': 'Somebody' }, status, accepts };
}

function pageOfUsers(): string {
  const entities = Array.from({ length: USERS }, (_, n) => ({
    id: `user-${n}`,
    name: `User ${n}`,
    email: `user${n}@example.com`,
    addresses: [{ address: `+1555010${n}000`, mediaType: 'PHONE' }],
    'secret-field': 'x'.repeat(200),
  }));
  return JSON.stringify({ entities, pageSize: USERS, total: USERS });
}

interface Parts {
  upstreamUrl: string;
  login: GenesysCloud;
  redis: RedisServer | undefined;
  auditLog: string;
}

function configuration({ upstreamUrl, login, redis, auditLog }: Parts): Declarative {
  const settings = { port: redis?.port, key_prefix: 'soak', timeout_ms: 1000 };
  const shared = redis === undefined ? {} : { redis: settings };
  const tokenManager = {
    name: 'genesys-token-manager',
    config: {
      token_url: login.tokenUrl,
      client_id: DEFAULT_CLIENT.clientId,
      client_secret: DEFAULT_CLIENT.clientSecret,
      ...shared,
      ...(redis === undefined ? {} : { cache: 'redis', cache_encryption_key: randomBytes(32).toString('base64') }),
    },
  };
  const quota = (limit: number) => ({
    name: 'genesys-quota',
    config: {
      namespace: `soak-${limit}`,
      limits: [{ name: 'share', limit, window: 'day' }],
      policy: redis === undefined ? 'local' : 'redis',
      ...shared,
    },
  });
  const log = { name: 'genesys-pii-log', config: { sinks: [{ type: 'file', path: auditLog }] } };
  const filter = {
    name: 'genesys-response-filter',
    config: { rules: [{ paths: ['/api/v2/*'], keep: ['id', 'name', 'email'] }] },
  };
  const service = (name: string, plugins: object[]) => ({
    name,
    url: `${upstreamUrl}/api/v2`,
    routes: [
      { name, paths: [`/${name}`], plugins: [{ name: 'key-auth', config: { hide_credentials: true } }, ...plugins] },
    ],
  });
  return {
    services: [
      service('all', [log, quota(1_000_000_000), tokenManager, filter]),
      service('tokens', [tokenManager]),
      service('quota', [quota(1_000_000_000), tokenManager]),
      service('limited', [quota(1), tokenManager]),
    ],
    consumers: [{ username: 'soak', keyauth_credentials: [{ key: KEY }] }],
  };
}

function servers(logDir: string): ExternalPlugin[] {
  return PLUGINS.map((plugin) => ({ ...plugin, args: ['--log-dir', logDir] }));
}

async function startKong(config: Declarative, logDir: string): Promise<Soaked> {
  const kong = await startNativeKong({ config, plugins: servers(logDir), workers: 2 });
  return {
    url: kong.url,
    processes() {
      const all: [string, number | undefined][] = [
        ...processesOf(kong),
        ...kong.workerPids().map((pid, index): [string, number] => [`nginx worker ${index}`, pid]),
      ];
      return Object.fromEntries(all.filter((entry): entry is [string, number] => entry[1] !== undefined));
    },
    close: kong.close,
  };
}

/** The processes of the plugins, each by the name of its first plugin. */
function processesOf(gateway: { pluginServerPid(name: string): number | undefined }): [string, number | undefined][] {
  return byProcess(PLUGINS).map(([name = '']) => [name, gateway.pluginServerPid(name)]);
}

/** The local gateway runs in this process, beside the load: its memory is of both. */
async function startLocal(config: Declarative, logDir: string): Promise<Soaked> {
  let isReady = false;
  const gateway = await startLocalGateway({
    config,
    port: 0,
    pluginServers: pluginServerCommands(servers(logDir), logDir),
    onLog: ({ level, message }) => {
      // Until plugin servers listen, requests fail, and are asked again.
      if (level === 'err' && isReady) console.error(message);
    },
  });
  return {
    url: gateway.url,
    processes() {
      isReady = true;
      const all = processesOf(gateway);
      const running = all.filter((entry): entry is [string, number] => entry[1] !== undefined);
      return Object.fromEntries([...running, ['local gateway and load', process.pid]]);
    },
    close: () => gateway.close(),
  };
}

async function answersAll(url: string): Promise<boolean> {
  for (const { path, headers, status, accepts } of PROBES) {
    const response = await fetch(`${url}${path}`, { headers });
    if (response.status !== status || !accepts(await response.text())) return false;
  }
  return true;
}

/** What the gateway takes of this load from so many connections, in requests a second. */
async function measureMaximum(url: string): Promise<number> {
  const load = startPacedLoad(url, PROBES, CONNECTIONS);
  await pause(MAXIMUM_MS);
  load.take();
  await pause(MAXIMUM_MS);
  const { requests, wrong } = load.take();
  await load.stop();
  if (wrong[0] !== undefined) throw new Error(`an answer was wrong already at the beginning: ${wrong[0]}`);
  return (requests * 1000) / MAXIMUM_MS;
}

interface Run {
  gateway: Soaked;
  pace: number;
  minutes: number;
  login: GenesysCloud;
  auditLog: string;
}

async function keepUp({ gateway, pace, minutes, login, auditLog }: Run): Promise<Sample[]> {
  const load = startPacedLoad(gateway.url, PROBES, CONNECTIONS, pace);
  const startedMs = performance.now();
  const samples: Sample[] = [];
  for (let count = 1; count <= minutes * SAMPLES_A_MINUTE; count += 1) {
    await pause(startedMs + count * SAMPLE_MS - performance.now());
    const { requests, latenciesMs, wrong, wrongCount } = load.take();
    for (const what of wrong) console.error(`wrong: ${what}`);
    samples.push({
      atMs: performance.now() - startedMs,
      requests,
      wrong: wrongCount,
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
      processes: levels(gateway),
    });
    if (count % SAMPLES_A_MINUTE !== 0) continue;
    console.log(lineOf(count / SAMPLES_A_MINUTE, samples.slice(-SAMPLES_A_MINUTE), login));
    // Hours of it would fill the disk. What is there no more is opened anew, as with logrotate.
    if (!existsSync(auditLog)) throw new Error('the audit log was not opened anew');
    rmSync(auditLog);
  }
  await load.stop();
  return samples;
}

function levels(gateway: Soaked): Sample['processes'] {
  const measured = Object.entries(gateway.processes()).flatMap(([name, pid]) => {
    try {
      return [[name, { pid, residentMb: residentBytes(pid) / 2 ** 20, openFiles: openFiles(pid).length }]];
    } catch {
      return []; // It has ended: the verdict misses it.
    }
  });
  return Object.fromEntries(measured) as Sample['processes'];
}

function lineOf(minute: number, samples: readonly Sample[], login: GenesysCloud): string {
  const sum = (figure: (sample: Sample) => number): number => samples.reduce((total, one) => total + figure(one), 0);
  const processes = Object.entries(samples.at(-1)?.processes ?? {}).map(
    ([name, level]) => `${name.replace('genesys-', '')} ${level.residentMb.toFixed(0)}/${level.openFiles}`,
  );
  const p50 = quantile(
    samples.map(({ p50Ms }) => p50Ms),
    0.5,
  );
  const p99 = quantile(
    samples.map(({ p99Ms }) => p99Ms),
    0.5,
  );
  return [
    `minute ${minute}: ${sum(({ requests }) => requests)} requests, ${sum(({ wrong }) => wrong)} wrong`,
    `p50 ${p50.toFixed(1)} p99 ${p99.toFixed(1)} ms, ${login.control.counts().tokensIssued} tokens`,
    `MB/open files: ${processes.join(', ')}`,
  ].join('; ');
}

function report({ isFlat, faults, memory, p99Ms }: Verdict): void {
  for (const [name, { mbPerHour, grownMb }] of Object.entries(memory)) {
    console.log(`${name}: ${mbPerHour.toFixed(1)} MB an hour, ${grownMb.toFixed(1)} MB after the warm-up`);
  }
  console.log(
    `p99: ${p99Ms.firstQuarter.toFixed(1)} ms in the first quarter, ${p99Ms.lastQuarter.toFixed(1)} in the last`,
  );
  for (const fault of faults) console.log(`NOT FLAT: ${fault}`);
  if (isFlat) console.log('flat');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

answerHelp(USAGE);
try {
  process.exitCode = await soak(readSettings());
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  for (const close of closers.reverse()) await close();
}
