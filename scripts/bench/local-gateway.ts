/** The local gateway as a process of its own, for benchmarks: started by gateways.ts, ends when that lets go of it. */
import {
  type DeclarativeConfig,
  type PluginServerDefinition,
  startLocalGateway,
} from '../../kong/local-gateway/index.js';

/** What it is told, as its first message. */
export interface LocalGatewayOrder {
  config: Record<string, unknown>;
  pluginServers: PluginServerDefinition[];
}

process.once('message', async ({ config, pluginServers }: LocalGatewayOrder) => {
  const declarative = { _format_version: '3.0', ...config } as DeclarativeConfig;
  const gateway = await startLocalGateway({ config: declarative, port: 0, pluginServers });
  process.once('disconnect', () => void gateway.close().then(() => process.exit(0)));
  process.send?.(gateway.url);
});
