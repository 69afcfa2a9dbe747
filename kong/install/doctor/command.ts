/** `kong-genesys-cloud doctor [FILE]`: what is wrong around the gateway. Gathers facts, has them judged, and prints. */

import { execFile } from 'node:child_process';
import type { Agent } from 'node:http';
import { basename, dirname, join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { errorCode } from '../../../plugins/shared/error-code.js';
import type { LoginClient, LoginTrial } from '../../../plugins/shared/login-trial.js';
import { property } from '../../../plugins/shared/property.js';
import { readStateFile } from '../../config-check/documents.js';
import { deafSockets } from '../readiness.js';
import { type Configuration, readConfiguration, type Surroundings } from './configuration.js';
import { judgeFolder, judgeLogFile, judgeSocket } from './files.js';
import { asJson, asText, type Finding, fail, presentable, skip } from './finding.js';
import { lastWords, lookAt, socketsIn, workerUser } from './gather-files.js';
import { apiUrlOf, askApi, judgeClock, judgeLogin } from './login.js';
import {
  type ApiFacts,
  judgeAllowList,
  judgeIdleTimeout,
  judgeLimits,
  judgeOrganisation,
  PATHS,
} from './organisation.js';
import { judgeCertificate, probe } from './probe.js';
import { addressOf, askRedis, judgeRedis } from './redis.js';
import { judgeKong, judgeNode } from './versions.js';

const USAGE = 'usage: kong-genesys-cloud doctor [OPTION]... [FILE]';
export const DOCTOR_USAGE = `${USAGE}
  says what is wrong around the gateway on this machine, one line a finding, with its fix; changes nothing
  FILE           a kong.yml: its Redis, OAuth clients (one login each), log files and limits are looked at too. Its
                 references {vault://env/...} are read from the environment of this command
  --prefix       Kong's prefix, in which the sockets are (/usr/local/kong)
  --log          the file to which the plugin servers print (kong-genesys-cloud --log)
  --kong-bin     the kong executable (kong, from PATH)
  --admin-url    Kong's Admin API, to ask for the version instead
  --secrets-dir  a folder with \`file:\` secrets, as the plugin servers have it; may be given more than once
  --timeout      seconds for each thing that is asked (5)
  --format       text (default) or json
  exit code: 0 if nothing fails, also with warnings; 1 if something does, or for a wrong command`;

const FORMATS = { text: asText, json: asJson };
/** A check that takes longer than all that it asks is given up. */
const CHECK_FACTOR = 4;
/** The audit log of kong.yml, where `kong-genesys-cloud` sends it. */
const AUDIT_LOG = 'genesys-audit.log';

type Here = Pick<Surroundings, 'env' | 'listClients'>;

interface Options extends Here {
  file: string | undefined;
  prefix: string;
  log: string | undefined;
  kongBin: string;
  adminUrl: string | undefined;
  secretsDirs: readonly string[];
  timeoutMs: number;
}

/** Runs the checks by the command line. @throws Error of one line for a wrong command */
export async function doctor(args: readonly string[], here: Here): Promise<{ text: string; exitCode: 0 | 1 }> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      prefix: { type: 'string', default: '/usr/local/kong' },
      log: { type: 'string' },
      'kong-bin': { type: 'string', default: 'kong' },
      'admin-url': { type: 'string' },
      'secrets-dir': { type: 'string', multiple: true, default: [] as string[] },
      timeout: { type: 'string', default: '5' },
      format: { type: 'string', default: 'text' },
    },
    allowPositionals: true,
  });
  if (positionals.length > 1) throw new Error(USAGE);
  const format = Object.entries(FORMATS).find(([name]) => name === values.format)?.[1];
  if (format === undefined) throw new Error(`--format ${values.format}: one of ${Object.keys(FORMATS).join(', ')}`);
  const seconds = Number(values.timeout);
  if (!(seconds > 0 && seconds <= 60)) throw new Error(`--timeout ${values.timeout}: seconds, up to 60`);
  const adminUrl = values['admin-url'];
  if (adminUrl !== undefined && !/^https?:$/.test(URL.canParse(adminUrl) ? new URL(adminUrl).protocol : '')) {
    throw new Error('--admin-url: a URL such as http://127.0.0.1:8001');
  }
  const findings = await examine({
    ...here,
    ...{ file: positionals[0], prefix: values.prefix, log: values.log, adminUrl },
    ...{ kongBin: values['kong-bin'], secretsDirs: values['secrets-dir'], timeoutMs: seconds * 1000 },
  });
  return { text: format(findings), exitCode: findings.some(({ level }) => level === 'fail') ? 1 : 0 };
}

async function examine(options: Options): Promise<Finding[]> {
  const today = new Date().toISOString().slice(0, 10);
  const { configuration, findings } = readFile(options);
  const secrets = configuration?.secrets ?? new Set<string>();
  const bounded = (check: string, run: Promise<Finding[]>): Promise<Finding[]> =>
    withinTime(check, run, options.timeoutMs * CHECK_FACTOR);
  const parts = await Promise.all([
    [judgeNode(process.versions.node, today)],
    bounded('kong', kongFindings(options, today)),
    bounded('plugin server', socketFindings(options)),
    findings,
    logFindings(options, configuration),
    ...(configuration?.redis ?? []).map(({ where, settings }) =>
      bounded('redis', askRedis(`${where}: ${addressOf(settings)}`, settings, options.timeoutMs).then(judgeRedis)),
    ),
    bounded('login', clientFindings(options, configuration, secrets)),
  ]);
  return parts.flat().map((finding) => presentable(finding, secrets));
}

function readFile(options: Options): { configuration: Configuration | undefined; findings: Finding[] } {
  const { file } = options;
  if (file === undefined) {
    return { configuration: undefined, findings: [skip('configuration', 'no FILE: no Redis, no login, no log file')] };
  }
  try {
    const configuration = readConfiguration(readStateFile(file), options);
    return { configuration, findings: configuration.findings };
  } catch (error) {
    // Of the parser's message only the place: the rest shows lines of the file.
    const [message = ''] = (error as Error).message.split('\n');
    const place = /at line \d+, column \d+/.exec(message)?.[0];
    const why = message.includes(': cannot be read (')
      ? message
      : `${file}: cannot be understood${place ? ` ${place}` : ''}`;
    return {
      configuration: undefined,
      findings: [fail('configuration', why, `kong-genesys-cloud check ${basename(file)} says more`)],
    };
  }
}

async function kongFindings({ kongBin, adminUrl, timeoutMs }: Options, today: string): Promise<Finding[]> {
  try {
    if (adminUrl === undefined) {
      const { stdout } = await promisify(execFile)(kongBin, ['version'], { timeout: timeoutMs, killSignal: 'SIGKILL' });
      return [judgeKong(stdout, today)];
    }
    const response = await fetch(adminUrl, { signal: AbortSignal.timeout(timeoutMs), redirect: 'manual' });
    // Kong 3.9 answers 500 to `/` where there are external plugins, and names itself in a header all the same.
    const { version } = Object(await response.json().catch(() => undefined)) as { version?: unknown };
    return [judgeKong(String(version ?? response.headers.get('server') ?? ''), today)];
  } catch (error) {
    const asked = adminUrl === undefined ? `${kongBin} version` : 'the Admin API';
    const cause = property(error, 'cause') ?? error;
    const isKilled = property(error, 'killed') === true || property(error, 'name') === 'TimeoutError';
    const code = property(error, 'code');
    const ended = typeof code === 'number' ? `ended with ${code}` : errorCode(cause);
    const why = isKilled ? `no answer within ${timeoutMs} ms` : ended;
    return [skip('kong', `${asked}: ${why}`, 'give --kong-bin PATH or --admin-url URL')];
  }
}

async function socketFindings({ prefix, log }: Options): Promise<Finding[]> {
  const check = 'plugin server';
  const sockets = socketsIn(prefix);
  if (sockets === undefined) return [skip(check, `${prefix} cannot be read`, "name Kong's prefix by --prefix")];
  const user = workerUser(prefix);
  const words = lastWords(prefix, log);
  const folder = judgeFolder('sockets', lookAt(prefix), user);
  if (sockets.length === 0) {
    const last = words === undefined ? '' : `; last words: ${words}`;
    const what = `no socket of a plugin server in ${prefix}${last}`;
    // Nothing has failed on a machine where no Kong runs.
    if (user === undefined) return [folder, skip(check, what, 'start Kong, or name its prefix by --prefix')];
    return [folder, fail(check, what, 'add the lines of kong-genesys-cloud to kong.conf and restart Kong')];
  }
  const deaf = await deafSockets(sockets);
  const judged = sockets.map((path) => judgeSocket({ ...lookAt(path), answers: !deaf.includes(path) }, user, words));
  return [folder, ...judged];
}

function logFindings({ prefix, log }: Options, configuration: Configuration | undefined): Finding[] {
  const user = workerUser(prefix);
  const standard = join(prefix, AUDIT_LOG);
  const isThere = lookAt(standard).missing === undefined;
  const audit = [...(configuration?.logFiles ?? []), ...(isThere ? [standard] : [])].map((file) => ['audit log', file]);
  const files = [...audit, ...(log === undefined ? [] : [['plugin server log', log]])];
  return files.map(([check = '', file = '']) => judgeLogFile(check, lookAt(file), lookAt(dirname(file)), user));
}

/** Looks at each client: certificates, one login, and what its token may read. */
async function clientFindings(
  { timeoutMs }: Options,
  configuration: Configuration | undefined,
  secrets: Set<string>,
): Promise<Finding[]> {
  if (configuration === undefined) return [];
  const { clients, limits } = configuration;
  const trials = await Promise.all(clients.map((client) => client.logIn(timeoutMs)));
  for (const { token } of trials) if (token !== undefined) secrets.add(token.value);
  const clock = judgeClock(trials);
  const certificates = await certificateFindings(clients, timeoutMs);
  const told = new Set<string>();
  const findings = await Promise.all(
    clients.map(async (client, index) => {
      const trial = trials[index];
      if (trial === undefined) return [];
      // Clients of one organisation share its limits.
      const isFirst = trial.token !== undefined && !told.has(client.tokenUrl);
      if (isFirst) told.add(client.tokenUrl);
      const ofSameLogin = clients.filter(
        ({ tokenUrl }, at) => tokenUrl === client.tokenUrl && trials[at]?.token !== undefined,
      );
      return [
        judgeLogin(client, trial),
        ...(await apiFindings(client, trial, isFirst ? ofSameLogin : [], limits, timeoutMs)),
      ];
    }),
  );
  return [...findings.flat(), ...(clock === undefined ? [] : [clock]), ...certificates];
}

async function apiFindings(
  client: LoginClient,
  { token }: LoginTrial,
  ofSameLogin: readonly LoginClient[],
  limits: Configuration['limits'],
  timeoutMs: number,
): Promise<Finding[]> {
  if (token === undefined) return [];
  const apiUrl = apiUrlOf(client.tokenUrl);
  if (apiUrl === undefined)
    return [skip('organisation', `${new URL(client.tokenUrl).host} is not a login of Genesys Cloud`)];
  const ask = (path: string) => askApi(apiUrl, path, token.value, timeoutMs);
  const agent = await client.loadAgent();
  const [organisation, idleTimeout, ofLimits, ofClient, login, api] = await Promise.all([
    ...[ask(PATHS.organisation()), ask(PATHS.idleTimeout()), ask(PATHS.limits()), ask(PATHS.client(client.clientId))],
    probe(new URL(client.tokenUrl), agent, timeoutMs),
    probe(new URL(apiUrl), undefined, timeoutMs),
  ] as const);
  const here = (facts: typeof login) => ('problem' in facts ? undefined : facts.localAddress);
  const facts: ApiFacts = {
    client,
    answers: { organisation, idleTimeout, limits: ofLimits, client: ofClient },
    egress: { login: here(login), api: here(api), loginByProxy: isProxy(agent) },
  };
  return [
    judgeOrganisation(facts),
    judgeIdleTimeout(facts),
    ...(ofSameLogin.length > 0 ? judgeLimits(facts, ofSameLogin, limits) : []),
    judgeAllowList(facts),
  ];
}

/** Looks at each host once. */
async function certificateFindings(clients: readonly LoginClient[], timeoutMs: number): Promise<Finding[]> {
  const hosts = new Map<string, () => Promise<Finding>>();
  for (const client of clients) {
    hosts.set(`login ${new URL(client.tokenUrl).host}`, async () =>
      judgeCertificate(await probe(new URL(client.tokenUrl), await client.loadAgent(), timeoutMs), false, Date.now()),
    );
    const apiUrl = apiUrlOf(client.tokenUrl);
    if (apiUrl === undefined || new URL(apiUrl).host === new URL(client.tokenUrl).host) continue;
    hosts.set(`api ${apiUrl}`, async () =>
      judgeCertificate(await probe(new URL(apiUrl), undefined, timeoutMs), true, Date.now()),
    );
  }
  return await Promise.all([...hosts.values()].map((look) => look()));
}

function isProxy(agent: Agent | undefined): boolean {
  return property(agent, 'proxy') !== undefined;
}

/** Returns a check's findings, or why there are none: it took too long, or failed itself. */
async function withinTime(check: string, run: Promise<Finding[]>, ms: number): Promise<Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding[]>((resolve) => {
    timer = setTimeout(() => resolve([skip(check, `no result within ${ms / 1000} s`)]), ms);
  });
  try {
    return await Promise.race([run, late]);
  } catch (error) {
    return [skip(check, `failed itself (${errorCode(error)})`)];
  } finally {
    clearTimeout(timer);
  }
}
