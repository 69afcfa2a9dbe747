/**
 * The local gateway: stands in for Kong where there is none, for `npm start` and the tests. It reads the same kong.yml,
 * starts the same plugin servers and speaks to them as Kong does. For development and tests only: it binds loopback.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fields } from '../../plugins/shared/kong-schema/field.js';
import { isReference } from '../../plugins/shared/kong-schema/reference.js';
import { isPlainObject, type PlainObject } from '../../plugins/shared/plain-object.js';
import { READ_TIMEOUT_MS } from '../kong-side/connect.js';
import { createBalancer } from './balancer.js';
import { createBundledPlugins } from './bundled/index.js';
import { type ResolveReference, resolveFromEnvironment } from './config/references.js';
import { buildSnapshot } from './config/snapshot.js';
import type { DeclarativeConfig, PluginEntity } from './config/types.js';
import type { Running } from './new-context.js';
import type { PdkHost } from './pdk.js';
import type { GatewayPlugin, PluginPhase } from './plugin.js';
import { type PluginServerClient, type PluginServerDefinition, startPluginServer } from './plugin-server-client.js';
import { createRequestFlow, type RequestLine } from './request-flow.js';
import { sortRoutes } from './router.js';
import { startHttp } from './server.js';

export type { DeclarativeConfig } from './config/types.js';
export type { PluginServerDefinition } from './plugin-server-client.js';
export type { RequestLine } from './request-flow.js';

/** A line of what would be Kong's error log. */
export interface LogEntry {
  level: string;
  message: string;
}

export interface LocalGatewayOptions {
  /** Path of a kong.yml, or the parsed document. */
  config: string | DeclarativeConfig;
  /** 0 takes a free port; default 8000. */
  port?: number;
  pluginServers?: readonly PluginServerDefinition[];
  /** Plugins in the configuration that are left out. */
  ignorePlugins?: readonly string[];
  /** What `{vault://env/...}` is resolved from; default the environment of this process. */
  env?: Readonly<Record<string, string | undefined>>;
  /** How long a plugin server may say nothing (nginx: lua_socket_read_timeout). */
  pluginServerTimeoutMs?: number;
  onRequest?: (line: RequestLine) => void;
  onLog?: (entry: LogEntry) => void;
}

export interface LocalGateway {
  url: string;
  port: number;
  /** Takes another configuration as POST /config does: as a whole or not at all. @throws Error with a line for each fault */
  reconfigure(config: string | DeclarativeConfig): Promise<void>;
  pluginServerPid(name: string): number | undefined;
  /** Ends the plugin servers and frees everything. */
  close(): Promise<void>;
}

/** nginx' client_body_buffer_size, Kong's default. */
const CLIENT_BODY_BUFFER_BYTES = 8 * 1024;

/**
 * Starts the gateway.
 * @throws Error for a configuration that is refused, a plugin server that cannot be queried, or a port that is taken
 */
export async function startLocalGateway(options: LocalGatewayOptions): Promise<LocalGateway> {
  const log = (level: string, message: string): void => options.onLog?.({ level, message });
  const spillFolder = mkdtempSync(join(tmpdir(), 'local-gateway-'));
  const host: PdkHost = {
    log,
    clientBodyBufferBytes: CLIENT_BODY_BUFFER_BYTES,
    spillFolder,
    nodeId: randomUUID(),
    pluginServerTimeoutMs: options.pluginServerTimeoutMs ?? READ_TIMEOUT_MS,
  };
  const resolveReference = resolveFromEnvironment(options.env ?? process.env);
  const clients = (options.pluginServers ?? []).map((definition) => startPluginServer(definition, host));
  const stopClients = async (): Promise<void> => {
    await Promise.all(clients.map((client) => client.close()));
    rmSync(spillFolder, { recursive: true, force: true });
  };
  let sequence = 0;
  let running: Running;

  const balancer = createBalancer(log);
  const external = new Set(clients.map(({ info }) => info.Name));
  const configure = (config: string | DeclarativeConfig): void => {
    const checked = buildSnapshot(config, { handlers, ignorePlugins: new Set(options.ignorePlugins) });
    sequence += 1;
    const complete = (entity: PluginEntity): PluginEntity => {
      const resolved = resolveSecrets(entity.config, resolveReference, log);
      return { ...entity, config: external.has(entity.name) ? withBookkeeping(entity, resolved, sequence) : resolved };
    };
    const snapshot = { ...checked, plugins: checked.plugins.map(complete) };
    running = { snapshot, routes: sortRoutes(snapshot) };
    balancer.configure(snapshot);
  };
  const plugins: GatewayPlugin[] = [...createBundledPlugins(), ...clients.map(externalPlugin)];
  const handlers = new Map(plugins.map((plugin) => [plugin.name, plugin]));
  try {
    configure(options.config);
    const { port = 8000, onRequest = () => {} } = options;
    const flow = createRequestFlow({ plugins, running: () => running, balancer, log, onRequest });
    const http = await startHttp(port, flow.serve);
    return {
      url: `http://127.0.0.1:${http.port}`,
      port: http.port,
      reconfigure: async (config) => configure(config),
      pluginServerPid: (name) => clients.find(({ info }) => info.Name === name)?.pid,
      async close() {
        balancer.close();
        // Clients first: a request whose service goes first would be tried again.
        await Promise.all([http.close(), flow.close()]);
        await stopClients();
      },
    };
  } catch (error) {
    await stopClients();
    throw error;
  }
}

/** A plugin of a plugin server. A configuration and its `__seq__` belong together, whichever is in place by now. */
function externalPlugin(client: PluginServerClient): GatewayPlugin {
  const { Name: name, Priority: priority, Phases, Schema } = client.info;
  const phase =
    (event: string): PluginPhase =>
    (context, { id, config }) =>
      client.handleEvent(context, event, { key: id, sequence: Number(config.__seq__), config });
  const phases = Object.fromEntries(Phases.map((event) => [event, phase(event)]));
  return { name, priority, fields: Schema.fields as Fields, ...phases };
}

/** Adds the keys that Kong adds to the configuration of an external plugin. */
function withBookkeeping(
  { id, name, routeId, serviceId, consumerId }: PluginEntity,
  config: PlainObject,
  sequence: number,
): PlainObject {
  return {
    ...config,
    __plugin_id: id,
    __seq__: sequence,
    __key__: `plugins:${name}:${routeId ?? ''}:${serviceId ?? ''}:${consumerId ?? ''}`,
    ...(routeId === undefined ? {} : { route_id: routeId }),
    ...(serviceId === undefined ? {} : { service_id: serviceId }),
    ...(consumerId === undefined ? {} : { consumer_id: consumerId }),
  };
}

/** Puts the values of references in their places; one that cannot be resolved becomes an empty string (measured). */
function resolveSecrets(
  value: PlainObject,
  resolve: ResolveReference,
  log: (level: string, message: string) => void,
): PlainObject {
  const references: PlainObject = {};
  const each = (item: unknown, key: string): unknown => {
    if (Array.isArray(item)) return item.map((element) => each(element, key));
    if (isPlainObject(item)) return resolveSecrets(item, resolve, log);
    if (typeof item !== 'string' || !isReference(item)) return item;
    references[key] = item;
    const secret = resolve(item);
    if (secret === undefined) log('warn', `${item} could not be resolved`);
    return secret ?? '';
  };
  const resolved = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, each(item, key)]));
  return Object.keys(references).length === 0 ? resolved : { ...resolved, $refs: references };
}
