/**
 * `npm run pictures:dashboard`: draws docs/pictures/dashboard.svg. It starts a simulator, a gateway with the configuration
 * that ships, and a Prometheus (Debian: package `prometheus`) that scrapes both; sends requests of several consumers for a
 * while; and asks the Prometheus what the panels of kong/observability/dashboard.json ask.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLocalGateway } from '../kong/local-gateway/index.js';
import { developmentConfig, developmentEnv, type KongConfig } from '../kong/testbed/development-config.js';
import { freePort } from '../kong/testbed/free-port.js';
import { DEFAULT_CLIENT, startGenesysCloud } from '../kong/testbed/genesys-cloud/index.js';
import { kongMissing, startNativeKong } from '../kong/testbed/native-kong.js';
import { ROOT } from '../kong/testbed/plugin-server.js';
import { LEFT_OUT_LOCALLY, PLUGINS, pluginServerCommands } from '../kong/testbed/plugin-servers.js';
import { runs } from '../kong/testbed/runs.js';
import { waitFor } from '../kong/testbed/wait-for.js';
import { answerHelp, readArguments } from './arguments.js';
import { drawDashboard, type Panel, type Series } from './dashboard/draw.js';

const USAGE = `usage: npm run pictures:dashboard -- [--gateway kong|local] [--seconds N]
       the local gateway has no plugin prometheus: the panels of clients stay empty there`;
const PICTURE = join(ROOT, 'docs/pictures/dashboard.svg');
/** What the reader of the dashboard would enter. */
const ENTERED = { allocation: 5_000_000, price: 0.0005 };
/** In place of a dashboard's hours. */
const RATE_INTERVAL = '10s';

/** Consumers, what each asks for, and how often a second. */
const CALLERS = [
  { name: 'crm', path: '/api/v2/users', perSecond: 6 },
  { name: 'reporting', path: '/api/v2/routing/queues', perSecond: 4 },
  { name: 'wallboard', path: '/directory?pageSize=5', perSecond: 2 },
  { name: 'night-job', path: '/api/v2/users/unknown', perSecond: 1 },
];

const stops: (() => unknown)[] = [];

async function picture(gatewayKind: string, seconds: number): Promise<void> {
  if (!runs('prometheus', '--version')) throw new Error("no prometheus on PATH (Debian's package prometheus)");
  const folder = mkdtempSync(join(tmpdir(), 'dashboard-'));
  stops.push(() => rmSync(folder, { recursive: true, force: true }));
  const [metrics, prometheus] = [await freePort(), await freePort()];
  const { url, kongMetrics } = await startGateway(gatewayKind, folder, metrics);
  await startPrometheus(prometheus, folder, [
    { job: 'genesys-plugins', target: `127.0.0.1:${metrics}`, plugin: 'genesys-plugins' },
    ...(kongMetrics === undefined ? [] : [{ job: 'kong', target: kongMetrics }]),
  ]);
  const fromSeconds = Date.now() / 1000;
  await sendRequests(url, seconds);
  const toSeconds = Date.now() / 1000;
  const { title, panels } = JSON.parse(readFileSync(join(ROOT, 'kong/observability/dashboard.json'), 'utf8')) as {
    title: string;
    panels: Panel[];
  };
  const series = new Map<number, Series[]>();
  for (const { id, targets = [] } of panels) {
    const asked = targets.map((target) => query(prometheus, target, fromSeconds, toSeconds));
    series.set(id, (await Promise.all(asked)).flat());
  }
  mkdirSync(join(PICTURE, '..'), { recursive: true });
  writeFileSync(PICTURE, drawDashboard(panels, { fromSeconds, toSeconds, series }, title));
  const empty = panels.filter(({ id, type }) => type !== 'row' && (series.get(id) ?? []).length === 0);
  console.log(`${PICTURE}; without data: ${empty.map((panel) => panel.title).join(', ') || 'none'}`);
}

/** Starts the simulator, and a gateway with the configuration that ships. */
async function startGateway(kind: string, folder: string, metrics: number) {
  const genesys = await startGenesysCloud();
  stops.push(() => genesys.close());
  const config = developmentConfig({ kind: 'simulator', url: genesys.url, tokenUrl: genesys.tokenUrl });
  addConsumers(config);
  const args = ['--metrics', `127.0.0.1:${metrics}`, '--stdout', join(folder, 'audit.log')];
  const plugins = PLUGINS.map((plugin) => ({ ...plugin, args }));
  const env = {
    ...developmentEnv(),
    GENESYS_CLIENT_ID: DEFAULT_CLIENT.clientId,
    GENESYS_CLIENT_SECRET: DEFAULT_CLIENT.clientSecret,
  };
  if (kind === 'kong') {
    const kong = await startNativeKong({ config, plugins, env });
    stops.push(() => kong.close());
    return { url: kong.url, kongMetrics: new URL(kong.adminUrl).host };
  }
  const local = await startLocalGateway({
    config: config as unknown as Parameters<typeof startLocalGateway>[0]['config'],
    port: 0,
    env,
    ignorePlugins: LEFT_OUT_LOCALLY,
    pluginServers: pluginServerCommands(plugins, folder),
  });
  stops.push(() => local.close());
  return { url: local.url, kongMetrics: undefined };
}

function addConsumers(config: KongConfig): void {
  for (const { name } of CALLERS)
    config.consumers?.push({
      username: name,
      acls: [{ group: 'readers' }],
      keyauth_credentials: [{ key: `key-of-${name}` }],
    });
}

interface Target {
  job: string;
  target: string;
  plugin?: string;
}

async function startPrometheus(port: number, folder: string, targets: readonly Target[]): Promise<void> {
  const scrape_configs = targets.map(({ job, target, plugin }) => ({
    job_name: job,
    honor_labels: true,
    static_configs: [{ targets: [target], labels: { node: 'gateway-1', ...(plugin && { plugin }) } }],
  }));
  const file = join(folder, 'prometheus.yml');
  writeFileSync(file, JSON.stringify({ global: { scrape_interval: '1s' }, scrape_configs }));
  const flags = [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'tsdb')}`];
  const child = spawn('prometheus', [...flags, `--web.listen-address=127.0.0.1:${port}`], { stdio: 'ignore' });
  stops.push(async () => {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  });
  const isReady = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${port}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  await waitFor('Prometheus', isReady, 60_000);
}

/** Sends each consumer's requests at its pace. */
async function sendRequests(url: string, seconds: number): Promise<void> {
  const endMs = Date.now() + seconds * 1000;
  const timers = CALLERS.map(({ name, path, perSecond }) =>
    setInterval(() => {
      const headers = { apikey: `key-of-${name}` };
      void fetch(`${url}${path}`, { headers }).then(
        (answer) => answer.arrayBuffer(),
        () => undefined,
      );
    }, 1000 / perSecond),
  );
  await waitFor('the end of the requests', () => Date.now() >= endMs, seconds * 2000);
  for (const timer of timers) clearInterval(timer);
}

interface RangeAnswer {
  data?: { result: { metric: Record<string, string>; values: [number, string][] }[] };
  error?: string;
}

/** Asks what a panel asks. @throws Error of a query that Prometheus does not take */
async function query(
  port: number,
  { expr, legendFormat }: { expr: string; legendFormat: string },
  fromSeconds: number,
  toSeconds: number,
): Promise<Series[]> {
  const written = expr
    .replaceAll('$__rate_interval', RATE_INTERVAL)
    .replaceAll('[1d]', `[${Math.round(toSeconds - fromSeconds)}s]`)
    .replaceAll('$node', '.*')
    .replaceAll('$allocation', String(ENTERED.allocation))
    .replaceAll('$price', String(ENTERED.price));
  const form = new URLSearchParams({ query: written, start: `${fromSeconds}`, end: `${toSeconds}`, step: '2' });
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/query_range`, { method: 'POST', body: form });
  const { data, error } = (await response.json()) as RangeAnswer;
  if (data === undefined) throw new Error(`${written}: ${error}`);
  return data.result.map(({ metric, values }) => ({
    name: legendFormat.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label: string) => metric[label] ?? ''),
    points: values.map(([at, value]) => [at, Number(value)] as const).filter(([, value]) => Number.isFinite(value)),
  }));
}

answerHelp(USAGE);
try {
  const { values } = readArguments(USAGE, {
    options: {
      gateway: { type: 'string', default: kongMissing() === undefined ? 'kong' : 'local' },
      seconds: { type: 'string', default: '90' },
    },
  });
  await picture(values.gateway, Number(values.seconds));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  for (const stop of stops.reverse()) await stop();
}
