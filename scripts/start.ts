/**
 * `npm start`: Genesys Cloud (a simulator, or the real one if credentials are set) behind a gateway on this machine.
 * Stays in the foreground; Ctrl-C stops everything that it started.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { deafSockets } from '../kong/install/readiness.js';
import { type Exchange, startLocalGateway } from '../kong/local-gateway/index.js';
import {
  DEMO_ACCESS,
  type Destination,
  type DevelopmentAccess,
  developmentConfig,
  developmentEnv,
} from '../kong/testbed/development-config.js';
import { freePort } from '../kong/testbed/free-port.js';
import { DEFAULT_CLIENT, DEMO_APP, startGenesysCloud } from '../kong/testbed/genesys-cloud/index.js';
import { startNativeKong } from '../kong/testbed/native-kong.js';
import {
  type ExternalPlugin,
  LEFT_OUT_LOCALLY,
  PLUGINS,
  pluginServerCommands,
} from '../kong/testbed/plugin-servers.js';
import { waitFor } from '../kong/testbed/wait-for.js';
import { isPlainObject, type PlainObject } from '../plugins/shared/plain-object.js';
import { regionTokenUrl } from '../plugins/shared/regions.js';
import { answerHelp } from './arguments.js';
import { coloursFor, printSteps, stepsOf, wantsColour } from './demo/steps.js';
import { openAuditView } from './start-audit.js';
import { loginOnce } from './start-login.js';
import { keepLogs } from './start-logs.js';
import { type StartPage, startPage } from './start-page.js';
import { readCredentials, readSettings, type Settings, USAGE } from './start-settings.js';

const USUAL_PAGE_PORT = 8070;

/** What has been started, to be stopped in reverse. */
const stops: (() => Promise<void>)[] = [];

async function start(): Promise<void> {
  const settings = readSettings(process.argv.slice(2), process.env);
  const own = settings.config === undefined ? undefined : readOwnConfig(settings.config);
  // Your own file names its region itself.
  const needsNoRegion = own !== undefined && !process.env.GENESYS_REGION;
  const credentials = needsNoRegion ? undefined : readCredentials(process.env);
  let destination: Destination | undefined;
  if (credentials !== undefined) {
    destination = { kind: 'region', region: credentials.region };
    console.log(`Genesys Cloud (the real one)  ${credentials.region}`);
    console.log(`  ${await loginOnce(regionTokenUrl(credentials.region), credentials)}`);
  } else if (own === undefined || !process.env.GENESYS_CLIENT_ID) {
    const simulator = await startGenesysCloud({
      port: settings.simulatorPort,
      clients: [DEFAULT_CLIENT, DEMO_APP],
    }).catch(portTaken('--simulator-port'));
    stops.push(() => simulator.close());
    destination = { kind: 'simulator', url: simulator.url, tokenUrl: simulator.tokenUrl };
    console.log(`Genesys Cloud (simulator)  ${simulator.url}`);
  }
  // What everyone knows opens a simulator only.
  const access = credentials === undefined ? DEMO_ACCESS : randomAccess();
  const config = own ?? (destination === undefined ? {} : developmentConfig(destination, access));
  const operatorPort = await freePort();
  // Processes of their own would all want the port.
  const hasOneProcess = process.env.PROCESSES !== 'each';
  const audit = openAuditView(console.log, hasOneProcess ? ['--metrics', `127.0.0.1:${operatorPort}`] : []);
  stops.push(async () => audit.close());
  const page = await openPage(settings, `http://127.0.0.1:${operatorPort}`, audit.path);
  const env = {
    ...developmentEnv(),
    GENESYS_CLIENT_ID: DEFAULT_CLIENT.clientId,
    GENESYS_CLIENT_SECRET: DEFAULT_CLIENT.clientSecret,
    // Your own file may name any of these.
    ...(own === undefined && credentials === undefined ? {} : environment()),
  };
  const url =
    settings.gateway === 'kong'
      ? await startKong(settings, config, env, audit.plugins)
      : await startLocal(settings, config, env, audit.plugins, page.note);
  console.log(`Page  ${page.url}`);
  if (own !== undefined) console.log(`\nIt runs ${settings.config}. Ctrl-C stops all of it.\n`);
  else {
    const { pageUrl, operatorUrl } = {
      pageUrl: page.url.replace(/\/$/, ''),
      operatorUrl: `http://127.0.0.1:${operatorPort}`,
    };
    const steps = stepsOf({ gatewayUrl: url, pageUrl, operatorUrl, auditPath: audit.path, access });
    const isColoured = wantsColour(process.stdout.isTTY, process.env);
    console.log(`\n${printSteps(steps, coloursFor(isColoured))}\n\nCtrl-C stops all of it.\n`);
    // `npm run demo` started this, and plays them.
    process.send?.(steps);
  }
}

async function openPage({ pagePort, gateway }: Settings, operatorUrl: string, auditPath: string): Promise<StartPage> {
  const options = { operatorUrl, auditPath, hasBodies: gateway === 'local' };
  const page = await startPage({ ...options, port: pagePort ?? USUAL_PAGE_PORT }).catch((error: Error) => {
    return pagePort === undefined ? startPage({ ...options, port: 0 }) : portTaken('--page-port')(error);
  });
  stops.push(() => page.close());
  return page;
}

/** @throws Error of one line, if the file cannot be read or is no configuration */
function readOwnConfig(path: string): PlainObject {
  try {
    const config: unknown = parse(readFileSync(path, 'utf8'), { merge: true });
    if (isPlainObject(config)) return config;
    throw new Error('it is no declarative configuration of Kong');
  } catch (error) {
    throw new Error(`--config ${path}: ${(error as Error).message.split('\n', 1)[0]}`);
  }
}

/** The variables that have a value. */
function environment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value ? [[name, value] as const] : [])),
  );
}

function randomAccess(): DevelopmentAccess {
  const random = (): string => randomBytes(16).toString('hex');
  return { ...DEMO_ACCESS, key: random(), clientSecret: random() };
}

async function startLocal(
  { port }: Settings,
  config: Record<string, unknown>,
  env: Record<string, string>,
  plugins: readonly ExternalPlugin[],
  onExchange: (exchange: Exchange) => void,
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'genesys-gateway-'));
  stops.push(async () => rmSync(folder, { recursive: true, force: true }));
  const gateway = await startLocalGateway({
    config,
    port,
    env,
    ignorePlugins: LEFT_OUT_LOCALLY,
    pluginServers: pluginServerCommands(plugins, folder),
    onExchange,
    onRequest: ({ method, path, consumer, status, ms }) => {
      console.log(`${method} ${path}  ${consumer ?? '-'}  ${status}  ${Math.round(ms)} ms`);
    },
    onLog: ({ level, message }) => {
      if (level !== 'debug' && level !== 'info' && level !== 'notice') console.error(`[${level}] ${message}`);
    },
  }).catch(portTaken('--port'));
  stops.push(() => gateway.close());
  await pluginServersListen(folder);
  console.log(`Gateway (local, for development and tests)  ${gateway.url}`);
  console.log(`  without Kong's own plugins ${LEFT_OUT_LOCALLY.join(', ')}`);
  return gateway.url;
}

async function startKong(
  { port }: Settings,
  config: Record<string, unknown>,
  env: Record<string, string>,
  plugins: readonly ExternalPlugin[],
): Promise<string> {
  const kong = await startNativeKong({ config, plugins, env, port });
  stops.push(() => kong.close());
  await pluginServersListen(kong.prefix).catch((error: Error) => {
    throw new Error(isStopping ? error.message : `${error.message}; ${keepLogs(kong)}`);
  });
  console.log(`Gateway (Kong)  ${kong.url}`);
  console.log(`  its log ${kong.errorLogPath}, what plugin servers print ${kong.pluginLogPath}`);
  return kong.url;
}

/** A gateway accepts before its plugin servers do, and answers 500 until then. */
async function pluginServersListen(folder: string): Promise<void> {
  const sockets = [...new Set(pluginServerCommands(PLUGINS, folder).map(({ socket }) => socket))];
  const probe = async (): Promise<boolean> => {
    if (isStopping) throw new Error('stopped');
    return (await deafSockets(sockets)).length === 0;
  };
  await waitFor('the plugin servers', probe, 60_000);
}

function portTaken(option: string) {
  return (error: Error): never => {
    // The simulator words it anew, and keeps what the socket said.
    const { code, message } = (error.cause ?? error) as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE') throw error;
    const port = /:(\d+)$/.exec(message)?.[1] ?? 'it';
    throw new Error(`port ${port} is taken: stop what listens there, or choose another with ${option}`);
  };
}

async function stop(exitCode: number): Promise<void> {
  for (const stopOne of stops.splice(0).reverse())
    await stopOne().catch((error: Error) => console.error(error.message));
  process.exit(exitCode);
}

answerHelp(USAGE);
let isStopping = false;
const starting = start().catch(async (error: Error) => {
  if (isStopping) return;
  console.error(error.message);
  isStopping = true;
  await stop(1);
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // To leave now would leave Kong and plugin servers behind.
    if (isStopping) console.error('stopping what was started: a moment');
    else void starting.then(() => stop(0));
    isStopping = true;
  });
}
