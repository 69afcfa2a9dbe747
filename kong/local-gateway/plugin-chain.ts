/** Runs the plugins of a request, highest priority first, each with the configuration that applies. */
import { withEarlyHeaders } from './answer-headers.js';
import type { PluginEntity } from './config/types.js';
import { kongError } from './kong-errors.js';
import type { GatewayPlugin } from './plugin.js';
import type { RequestContext } from './request-context.js';

export function createPluginChain(all: readonly GatewayPlugin[], log: (level: string, message: string) => void) {
  const plugins = [...all].sort((a, b) => b.priority - a.priority);
  const logError = (plugin: GatewayPlugin, error: unknown): void =>
    log('err', `[${plugin.name}] ${(error as Error).message}`);

  /** Looks up a configuration only when the plugin's turn comes: an earlier plugin may have found the consumer. */
  function* active(context: RequestContext): Generator<[GatewayPlugin, PluginEntity]> {
    for (const plugin of plugins) {
      const entity = configurationFor(plugin.name, context);
      if (entity !== undefined) yield [plugin, entity];
    }
  }

  return {
    /** Runs a phase. The first exit ends it and stays in `context.exit`. A plugin that throws leaves a 500 there. */
    async run(phase: 'access' | 'response', context: RequestContext): Promise<void> {
      context.phase = phase;
      for (const [plugin, entity] of active(context)) {
        const began = performance.now();
        try {
          await plugin[phase]?.(context, entity);
          if (context.exit !== undefined) context.source = 'exit';
        } catch (error) {
          logError(plugin, error);
          context.source = 'error';
          context.exit = withEarlyHeaders(kongError(context, 500, 'An unexpected error occurred'), context);
        }
        if (plugin[phase] !== undefined) {
          context.recording?.plugins.push([`${plugin.name} ${phase}`, performance.now() - began]);
        }
        if (context.exit !== undefined) return;
      }
    },
    async runLog(context: RequestContext): Promise<void> {
      context.phase = 'log';
      for (const [plugin, entity] of active(context)) {
        await Promise.resolve(plugin.log?.(context, entity)).catch((error) => logError(plugin, error));
      }
    },
    /** Returns whether a plugin has a response phase. Kong then reads the service's whole answer first. */
    needsBuffering: (context: RequestContext): boolean =>
      [...active(context)].some(([plugin]) => plugin.response !== undefined),
  };
}

/** Finds the plugin configuration that applies to a request: the most specific one (Kong's precedence). */
function configurationFor(name: string, context: RequestContext): PluginEntity | undefined {
  const { route, service, consumer, snapshot } = context;
  const rank = ({ consumerId, routeId, serviceId }: PluginEntity): number =>
    (consumerId ? 4 : 0) + (routeId ? 2 : 0) + (serviceId ? 1 : 0);
  return snapshot.plugins
    .filter((plugin) => plugin.name === name && plugin.enabled)
    .filter(({ routeId = route.id }) => routeId === route.id)
    .filter(({ serviceId = service.id }) => serviceId === service.id)
    .filter(({ consumerId = consumer?.id }) => consumerId === consumer?.id)
    .sort((a, b) => rank(b) - rank(a))[0];
}
