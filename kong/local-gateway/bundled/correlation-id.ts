/** Kong's correlation-id (kong/plugins/correlation-id/handler.lua). It runs before every other bundled plugin. */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { fromText, toText } from '../headers.js';
import type { GatewayPlugin } from '../plugin.js';
import type { RequestContext } from '../request-context.js';
import { flag, protocolsHttp } from './fields.js';

interface CorrelationIdConfig {
  header_name: string;
  generator: 'uuid' | 'uuid#counter' | 'tracker';
  echo_downstream: boolean;
}

const GENERATORS = ['uuid', 'uuid#counter', 'tracker'];

/** Creates the plugin with its own counters. */
export function createCorrelationId(): GatewayPlugin {
  const worker = randomUUID();
  const connections = new WeakMap<Socket, { serial: number; requests: number }>();
  let counter = 0;
  let connectionCount = 0;
  const generators: Record<CorrelationIdConfig['generator'], (context: RequestContext) => string> = {
    uuid: () => randomUUID(),
    'uuid#counter': () => {
      counter += 1;
      return `${worker}#${counter}`;
    },
    tracker({ request: { socket } }) {
      let connection = connections.get(socket);
      if (connection === undefined) {
        connectionCount += 1;
        connection = { serial: connectionCount, requests: 0 };
        connections.set(socket, connection);
      }
      connection.requests += 1;
      const place = `${socket.localAddress}-${socket.localPort}-${process.pid}`;
      return `${place}-${connection.serial}-${connection.requests}-${(Date.now() / 1000).toFixed(3)}`;
    },
  };
  return {
    name: 'correlation-id',
    priority: 100_001,
    fields: [
      { protocols: protocolsHttp },
      {
        config: {
          type: 'record',
          fields: [
            { header_name: { type: 'string', default: 'Kong-Request-ID' } },
            { generator: { type: 'string', required: true, default: 'uuid#counter', one_of: GENERATORS } },
            { echo_downstream: flag(false) },
          ],
        },
      },
    ],
    access(context, entity) {
      const config = entity.config as unknown as CorrelationIdConfig;
      const sent = context.headers.find(config.header_name) ?? '';
      const id = sent === '' ? fromText(generators[config.generator](context)) : sent;
      if (sent === '') context.headers.set(config.header_name, [id]);
      context.serializeValues.set('correlation_id', toText(id));
      if (config.echo_downstream) context.early.set(config.header_name, [id]);
    },
  };
}
