/**
 * The settings of a Kong in a container, and the test files that do not run there. Pure.
 *
 * The container shares the machine's network (`--network host`, Linux). Simulators, Redis and receivers of tests listen
 * on 127.0.0.1, and plugins accept http for loopback hosts only. On any other network every address in a configuration
 * would have to be rewritten, and genesys-token-manager would refuse the result.
 */
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { environmentOf, settingsOf, withoutStart } from '../install/plugin-server-settings.js';
import { PLUGIN_NAMES } from '../plugin-list.js';
import type { PluginServerCommands } from '../plugin-server-commands.js';
import type { NativeKongOptions } from './native-kong.js';
import { type ExternalPlugin, PLUGINS, pluginServerCommands, THIS_MACHINE } from './plugin-servers.js';

/** The path of the configuration in the container. */
export const DECLARATIVE_CONFIG = '/tmp/kong.json';

/** Paths of node and the package in kong/Dockerfile's image. */
const IMAGE = { node: '/usr/local/bin/node', dist: '/usr/local/lib/kong-genesys-cloud/dist' };

/** Kong's prefix if the container runs as another user than the image's, who does not own /usr/local/kong. */
const PREFIX = '/tmp/kong';

/** The folder of the sockets then. It is there before Kong makes its prefix. */
const SOCKETS = '/tmp';

/** What plugin servers that Kong starts print to: the container's log, which has Kong's own lines too. */
const LOG = '/proc/1/fd/2';

/** What plugin servers of tests consist of. They are not in the image. */
const OF_TESTS = [THIS_MACHINE.dist, join(THIS_MACHINE.dist, '../node_modules')];

/** Files of test/e2e that are left out, and why. They run with `--gateway local` and `--gateway kong`. */
export const NOT_IN_A_CONTAINER: Readonly<Record<string, string>> = {
  'chaos.test.ts': 'sends signals to plugin servers and to nginx workers',
  'phases.test.ts': 'kong-js-pluginserver is not in the image',
  'plugin-server-failures.test.ts': 'sends signals to plugin servers',
};

export interface ContainerSettings {
  environment: Record<string, string>;
  /** uid:gid; undefined for the image's own. */
  user?: string;
  /** Folders of this machine, mounted at the same path. */
  folders: string[];
}

export interface ContainerPorts {
  proxy: number;
  admin: number;
  status: number;
}

/**
 * Returns the settings of a container. If a test needs only the plugins as they ship, plugin servers, user and prefix
 * are the image's, so that these are tested. If a test has its own arguments, plugin servers get those. They then run
 * as the user who runs the tests, who has to read what they write.
 * @throws Error of one line, if a plugin server needs another program than Node
 */
export function containerSettings(
  { plugins, env = {}, workers = 1, pluginServerTimeoutMs }: NativeKongOptions,
  ports: ContainerPorts,
  testUser: string | undefined,
): ContainerSettings {
  const environment: Record<string, string> = {
    ...env,
    KONG_DATABASE: 'off',
    KONG_DECLARATIVE_CONFIG: DECLARATIVE_CONFIG,
    KONG_PROXY_LISTEN: `127.0.0.1:${ports.proxy} backlog=16384`,
    KONG_ADMIN_LISTEN: `127.0.0.1:${ports.admin}`,
    KONG_ADMIN_GUI_LISTEN: 'off',
    KONG_STATUS_LISTEN: `127.0.0.1:${ports.status}`,
    KONG_ANONYMOUS_REPORTS: 'off',
    KONG_ADMIN_ACCESS_LOG: 'off',
    KONG_NGINX_WORKER_PROCESSES: String(workers),
    ...(pluginServerTimeoutMs && { KONG_NGINX_HTTP_LUA_SOCKET_READ_TIMEOUT: `${pluginServerTimeoutMs}ms` }),
  };
  const foreign = plugins.find(({ commands }) => commands !== undefined);
  if (foreign !== undefined) throw new Error(`the plugin server ${foreign.name} is not in the image`);
  if (plugins.every(isAsShipped)) return { environment, folders: [] };
  return {
    environment: {
      ...environment,
      KONG_PREFIX: PREFIX,
      // Otherwise Kong's workers would be another user's, who may not connect to the sockets.
      ...(testUser?.startsWith('0:') && { KONG_NGINX_USER: 'root root' }),
      ...environmentOf(settingsOf(commandsIn(plugins), LOG)),
    },
    ...(testUser === undefined ? {} : { user: testUser }),
    folders: [
      ...new Set(plugins.flatMap(({ args = [] }) => args.flatMap(folderOf))),
      ...(plugins.every(isInImage) ? [] : OF_TESTS),
    ],
  };
}

/** The image's plugin servers, and those of tests with the image's Node: Kong starts these, as the image knows only its own. */
function commandsIn(plugins: readonly ExternalPlugin[]): PluginServerCommands[] {
  const shipped = pluginServerCommands(plugins.filter(isInImage), SOCKETS, IMAGE).map(withoutStart);
  const probes = pluginServerCommands(
    plugins.filter((plugin) => !isInImage(plugin)),
    SOCKETS,
    { node: IMAGE.node, dist: THIS_MACHINE.dist },
  );
  return [...shipped, ...probes];
}

/** Returns a Dockerfile's `ARG` defaults. testcontainers reads `FROM ${...}` only with arguments that it is given. */
export function dockerfileArguments(dockerfile: string): Record<string, string> {
  return Object.fromEntries([...dockerfile.matchAll(/^ARG (\w+)=(\S+)$/gm)].map(([, name, value]) => [name, value]));
}

function isInImage({ script }: ExternalPlugin): boolean {
  return PLUGIN_NAMES.some((name) => script === `bin/${name}.js`);
}

function isAsShipped({ name, script, args = [] }: ExternalPlugin): boolean {
  return args.length === 0 && PLUGINS.some((shipped) => shipped.name === name && shipped.script === script);
}

/** Returns the folder that an argument names, or the one of the file that it names. */
function folderOf(argument: string): string[] {
  // /proc/1/fd/1 is the container's.
  if (!argument.startsWith('/') || argument.startsWith('/proc/')) return [];
  const found = statSync(argument, { throwIfNoEntry: false });
  if (found?.isDirectory()) return [argument];
  return found?.isFile() ? [dirname(argument)] : [];
}
