/**
 * A pod of kong/kubernetes/values.yaml without a cluster: the container of the plugins and that of Kong, with their commands,
 * environment and probes, as processes of this machine. With root they run as the user that the values name, and see a
 * root file system that cannot be written to, except where the chart mounts a volume. Real Kong: `KONG_BIN`, or `kong` on PATH.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { freePort } from '../../kong/testbed/free-port.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { KONG } from './kong-node.js';

/** What kong/kubernetes/values.yaml holds, as far as it is looked at. */
export interface PodValues {
  image: { repository: string; tag: string };
  env: Record<string, string>;
  customEnv: Record<string, string>;
  deployment: { initContainers: [PluginsContainer] };
  lifecycle: { preStop: { exec: { command: string[] } } };
}

export interface PluginsContainer {
  name: string;
  image: string;
  restartPolicy: string;
  command: string[];
  args: string[];
  securityContext: { runAsUser: number; runAsGroup: number };
  volumeMounts: { name: string; mountPath: string }[];
}

export function readPodValues(): PodValues {
  return parse(readFileSync(join(ROOT, 'kong/kubernetes/values.yaml'), 'utf8')) as PodValues;
}

/** What the chart (kong/kong 3.4) adds to `env`, as far as it matters here; kong/kubernetes/charts.test.ts compares. */
export const CHART_ENV = {
  KONG_KIC: 'on',
  KONG_NGINX_WORKER_PROCESSES: '2',
  KONG_PROXY_ERROR_LOG: '/dev/stderr',
  KONG_ROUTER_FLAVOR: 'traditional',
  KONG_NGINX_DAEMON: 'off',
};

export interface Pod {
  proxyUrl: string;
  adminUrl: string;
  /** Of Kong's container. */
  statusUrl: string;
  /** The port of metrics and probes of the container of the plugins. */
  pluginsUrl: string;
  /** Whether the processes see a root file system that they cannot write to. */
  isReadOnly: boolean;
  /** What the container of the plugins has written to its standard output, and what both wrote to their standard error. */
  log(container: 'plugins' | 'proxy'): string;
  /** Returns a text with the paths of the containers replaced by those of this machine. */
  here(text: string): string;
  startPlugins(): Promise<void>;
  startProxy(): Promise<void>;
  /** Ends the container of the plugins at once, as when it has no memory left. */
  killPlugins(): Promise<void>;
  /** As Kubernetes: Kong's preStop and its end, then SIGTERM to the plugins. Resolves with their exit codes. */
  stop(): Promise<{ proxy: number | null; plugins: number | null }>;
  remove(): Promise<void>;
}

/** Makes a pod, and starts nothing. @param secrets the files of the Secret `genesys-oauth` */
export async function createPod(secrets: Record<string, string>): Promise<Pod> {
  const values = readPodValues();
  const { initContainers } = values.deployment;
  const [plugins] = initContainers;
  const folder = mkdtempSync(join(tmpdir(), 'pod-'));
  const isRoot = process.getuid?.() === 0;
  const { runAsUser: uid, runAsGroup: gid } = plugins.securityContext;
  const user = isRoot ? { uid, gid } : {};
  const volume = (name: string, mode: number): string => {
    const path = join(folder, name);
    mkdirSync(path);
    chmodSync(path, mode);
    if (isRoot) chownSync(path, 0, gid);
    return path;
  };
  chmodSync(folder, 0o755);
  const paths = {
    '/run/kong-genesys-cloud': volume('sockets', 0o777),
    '/etc/genesys': volume('secret', 0o750),
    '/usr/local/lib/kong-genesys-cloud': ROOT,
    '/usr/local/bin/node': process.execPath,
  };
  for (const [name, text] of Object.entries(secrets)) {
    const file = join(paths['/etc/genesys'], name);
    writeFileSync(file, text, { mode: 0o440 });
    if (isRoot) chownSync(file, 0, gid);
  }
  const here = (text: string): string =>
    Object.entries(paths).reduce((at, [image, local]) => at.replaceAll(image, local), text);
  const [proxyPort, adminPort, statusPort, pluginsPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const isReadOnly = isRoot && spawnSync('unshare', ['--mount', 'mount', '-o', 'remount,ro,bind', '/']).status === 0;
  const logs = { plugins: join(folder, 'plugins.log'), proxy: join(folder, 'proxy.log') };

  const run = (container: keyof typeof logs, command: string[], env: Record<string, string>): ChildProcess => {
    // Its standard output belongs to its user, as a container runtime has it.
    const output = openSync(logs[container], 'a');
    if (isRoot) chownSync(logs[container], uid, gid);
    // Each has its volumes, and its output; all others are empty. The chart mounts /tmp for Kong, and the rest is below it.
    const mounts =
      container === 'plugins'
        ? [paths['/run/kong-genesys-cloud'], logs.plugins].map((path) => `mount --bind ${path} ${path}`)
        : [`mount --bind ${tmpdir()} ${tmpdir()}`, `mount -t tmpfs none ${paths['/etc/genesys']}`];
    const script = [
      ...mounts,
      'mount -o remount,ro,bind /',
      `exec setpriv --reuid ${uid} --regid ${gid} --clear-groups --bounding-set=-all --no-new-privs "$@"`,
    ].join(' && ');
    const [executable = '', ...args] = isReadOnly
      ? ['unshare', '--mount', '/bin/sh', '-c', script, 'sh', ...command]
      : command;
    return spawn(executable, args, {
      env: { PATH: process.env.PATH ?? '', ...env },
      cwd: '/',
      stdio: ['ignore', output, output],
      ...(isReadOnly ? {} : user),
    });
  };
  const ended = (child: ChildProcess | undefined): Promise<number | null> =>
    child === undefined || child.exitCode !== null || child.signalCode !== null
      ? Promise.resolve(child?.exitCode ?? null)
      : new Promise((resolve) => child.once('exit', (code) => resolve(code)));

  const kongEnv = {
    ...CHART_ENV,
    ...Object.fromEntries(
      Object.entries(values.env).map(([name, value]) => [`KONG_${name.toUpperCase()}`, here(value)]),
    ),
    ...Object.fromEntries(Object.entries(values.customEnv).map(([name, value]) => [name.toUpperCase(), value])),
    KONG_PROXY_LISTEN: `127.0.0.1:${proxyPort}`,
    KONG_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
    KONG_STATUS_LISTEN: `127.0.0.1:${statusPort}`,
    KONG_ADMIN_GUI_LISTEN: 'off',
    KONG_ANONYMOUS_REPORTS: 'off',
  };
  const children: { plugins?: ChildProcess; proxy?: ChildProcess } = {};
  const pod: Pod = {
    proxyUrl: `http://127.0.0.1:${proxyPort}`,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    statusUrl: `http://127.0.0.1:${statusPort}`,
    pluginsUrl: `http://127.0.0.1:${pluginsPort}`,
    isReadOnly,
    here,
    log: (container) => readFileSync(logs[container], 'utf8'),
    async startPlugins() {
      const args = plugins.args.map((arg) => here(arg).replace('0.0.0.0:9500', `127.0.0.1:${pluginsPort}`));
      children.plugins = run('plugins', [...plugins.command.map(here), ...args], {});
      await waitFor('startupProbe of the plugins', () => isOk(`${pod.pluginsUrl}/ready`));
    },
    async startProxy() {
      // By the image's command, and in the foreground, by KONG_NGINX_DAEMON.
      const image = [process.execPath, join(ROOT, 'dist/bin/kong-genesys-cloud.js'), 'run', '--'];
      children.proxy = run('proxy', [...image, KONG, 'start'], kongEnv);
      await waitFor(
        'livenessProbe of Kong',
        () => {
          const { exitCode } = children.proxy ?? {};
          if (exitCode !== null) throw new Error(`Kong ended with ${exitCode}: ${pod.log('proxy').slice(-2000)}`);
          return isOk(`${pod.statusUrl}/status`);
        },
        60_000,
      );
    },
    async killPlugins() {
      const end = ended(children.plugins);
      children.plugins?.kill('SIGKILL');
      await end;
    },
    async stop() {
      const proxy = ended(children.proxy);
      const [, ...words] = values.lifecycle.preStop.exec.command;
      // Nobody sends requests any more: no need to wait for load balancers.
      const quit = words.map((word) => word.replace(/^--wait=.*/, '--wait=0'));
      await ended(run('proxy', [KONG, ...quit], kongEnv));
      const code = await proxy;
      const end = ended(children.plugins);
      children.plugins?.kill('SIGTERM');
      return { proxy: code, plugins: await end };
    },
    async remove() {
      if (children.proxy?.exitCode === null) spawnSync(KONG, ['stop', '--prefix', here(values.env.prefix ?? '')]);
      for (const child of [children.proxy, children.plugins]) {
        const end = ended(child);
        child?.kill('SIGKILL');
        await end;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return pod;
}

async function isOk(url: string): Promise<boolean> {
  return fetch(url).then(
    async (response) => {
      await response.arrayBuffer();
      return response.ok;
    },
    () => false,
  );
}
