/**
 * The local gateway replaces Kong in `npm start` and in tests, where there is none. It reads the same kong.yml, starts
 * the same plugin servers and talks to them as Kong does. It is not for production, so it binds to loopback.
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
import { buildSnapshot } from './config/snapshot.js';
import type { DeclarativeConfig, PluginEntity } from './config/types.js';
import type { Exchange } from './exchange.js';
import type { Running } from './new-context.js';
import type { PdkHost } from './pdk.js';
import type { GatewayPlugin, PluginPhase } from './plugin.js';
import { type PluginServerClient, type PluginServerDefinition, startPluginServer } from './plugin-server-client.js';
import { type ResolveReference, resolveFromEnvironment } from './references.js';
import { nginxRefusal } from './refusal.js';
import { createRequestFlow, type RequestLine } from './request-flow.js';
import { sortRoutes } from './router.js';
import { startHttp } from './server.js';

export type { DeclarativeConfig } from './config/types.js';
export type { Exchange, PassedAnswer } from './exchange.js';
export type { PluginServerDefinition } from './plugin-server-client.js';
export type { RequestLine } from './request-flow.js';

/** A line that Kong would write to its error log. */
export interface LogEntry {
  level: string;
  message: string;
}

export interface LocalGatewayOptions {
  /** Path of a kong.yml, or the parsed document. */
  config: string | DeclarativeConfig;
  /** 0 picks a free port; default 8000. */
  port?: number;
  pluginServers?: readonly PluginServerDefinition[];
  /** Plugins in the configuration that are ignored. */
  ignorePlugins?: readonly string[];
  /** Values for `{vault://env/...}`; default the environment of this process. */
  env?: Readonly<Record<string, string | undefined>>;
  /** How long a plugin server may stay silent (nginx: lua_socket_read_timeout). */
  pluginServerTimeoutMs?: number;
  onRequest?: (line: RequestLine) => void;
  /** Called with what passed for each request, bodies too. */
  onExchange?: (exchange: Exchange) => void;
  onLog?: (entry: LogEntry) => void;
}

export interface LocalGateway {
  url: string;
  port: number;
  /** Loads a configuration as POST /config does: all of it or nothing. @throws Error with a line for each fault */
  reconfigure(config: string | DeclarativeConfig): Promise<void>;
  pluginServerPid(name: string): number | undefined;
  /** Stops the plugin servers and frees all resources. */
  close(): Promise<void>;
}

/** Kong's default for nginx's client_body_buffer_size. */
const CLIENT_BODY_BUFFER_BYTES = 8 * 1024;

/**
 * Starts the gateway.
 * @throws Error if the configuration is refused, a plugin server cannot be queried, or the port is taken
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
    const { port = 8000, onRequest = () => {}, onExchange } = options;
    const flow = createRequestFlow({ plugins, running: () => running, balancer, log, onRequest, onExchange });
    const http = await startHttp(port, { serve: flow.serve, refuse: nginxRefusal });
    return {
      url: `http://127.0.0.1:${http.port}`,
      port: http.port,
      reconfigure: async (config) => configure(config),
      pluginServerPid(name) {
        const socket = options.pluginServers?.find((server) => server.name === name)?.socket;
        return clients.find((client) => client.socket === socket && client.pid !== undefined)?.pid;
      },
      async close() {
        balancer.close();
        // Clients first: a request that loses its service first would be tried again.
        await Promise.all([http.close(), flow.close()]);
        await stopClients();
      },
    };
  } catch (error) {
    await stopClients();
    throw error;
  }
}

/** Wraps a plugin server's plugin. `__seq__` comes from the event's own configuration, which may be an older one. */
function externalPlugin(client: PluginServerClient): GatewayPlugin {
  const { Name: name, Priority: priority, Phases, Schema } = client.info;
  const phase =
    (event: string): PluginPhase =>
    (context, { id, config }) =>
      client.handleEvent(context, event, { key: id, sequence: Number(config.__seq__), config });
  const phases = Object.fromEntries(Phases.map((event) => [event, phase(event)]));
  return { name, priority, fields: Schema.fields as Fields, ...phases };
}

/** Adds Kong's own keys to the configuration of an external plugin. */
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

/** Replaces references by their values. One that cannot be resolved becomes an empty string (measured). */
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
