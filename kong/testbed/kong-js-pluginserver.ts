/** npm kong-pdk's own plugin server, `kong-js-pluginserver`, with one of our plugin modules. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT } from './plugin-server.js';
import type { ExternalPlugin } from './plugin-servers.js';
import { waitFor } from './wait-for.js';

const KONG_PDK = dirname(createRequire(import.meta.url).resolve('kong-pdk/package.json'));
const KONG_JS_PLUGINSERVER = join(KONG_PDK, 'bin/kong-js-pluginserver');
/** kong-pdk loads ts-node, which would use this repository's tsconfig.json and TypeScript, another major version. */
const TS_NODE = {
  TS_NODE_COMPILER: createRequire(join(KONG_PDK, 'package.json')).resolve('typescript'),
  TS_NODE_SKIP_PROJECT: 'true',
};

export interface KongJsPluginServer {
  process: ChildProcess;
  pid: number;
  socketPath: string;
  /** The command that prints the plugin's description, and the environment that it needs. */
  dump: string[];
  env: Record<string, string>;
  output(): string;
  stop(): Promise<void>;
}

/**
 * Starts kong-js-pluginserver with one plugin.
 * @param module path of the plugin's module below dist
 */
export async function startKongJsPluginServer(module: string): Promise<KongJsPluginServer> {
  const folder = mkdtempSync(join(tmpdir(), 'kjs-'));
  const plugins = mkdtempSync(join(folder, 'plugins-'));
  writeFileSync(join(plugins, 'plugin.js'), pluginFile(module));
  const command = [KONG_JS_PLUGINSERVER, '-p', folder, '-d', plugins];
  const env = { PWD: '/', ...TS_NODE };
  const child = spawn(process.execPath, command, {
    env,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const socketPath = join(folder, 'js_pluginserver.sock');
  await waitFor('kong-js-pluginserver listens', () => {
    if (child.exitCode !== null) throw new Error(`kong-js-pluginserver ended: ${output}`);
    return existsSync(socketPath);
  });
  if (child.pid === undefined) throw new Error('kong-js-pluginserver could not be started');
  return {
    process: child,
    pid: child.pid,
    socketPath,
    dump: [process.execPath, ...command, '--dump-all-plugins'],
    env,
    output: () => output,
    async stop() {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGKILL')) await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Describes the plugin server as a gateway starts it.
 * @param module path of the plugin's module below dist
 */
export function kongJsPluginServer(name: string, module: string): ExternalPlugin {
  return {
    name,
    script: module,
    commands(folder) {
      const plugins = mkdtempSync(join(folder, 'plugins-'));
      writeFileSync(join(plugins, 'plugin.js'), pluginFile(module));
      const variables = Object.entries(TS_NODE).map(([key, value]) => `${key}=${value}`);
      const command = ['/usr/bin/env', ...variables, process.execPath, KONG_JS_PLUGINSERVER].join(' ');
      const socketName = `${name}.sock`;
      const startCommand = `${command} -p ${folder} -d ${plugins} --sock-name ${socketName}`;
      return { socket: join(folder, socketName), startCommand, queryCommand: `${startCommand} --dump-all-plugins` };
    },
  };
}

function pluginFile(module: string): string {
  return `module.exports = require(${JSON.stringify(join(ROOT, 'dist', module))});\n`;
}
