/**
 * Kong's side of MsgPack:1 (kong/runloop/plugin_servers/rpc/mp_rpc.lua), which npm kong-pdk's own plugin server speaks: a
 * request a PDK call. It fails open, as measured: what goes wrong is logged, and the request goes on.
 */
import { connect, type Socket } from 'node:net';
import { Decoder, encode } from '@msgpack/msgpack';
import type { Codec } from '../pdk/codec.js';
import {
  authenticateArgsMessage,
  bytesMessage,
  consumerSpecMessage,
  emptyMessage,
  exitArgsMessage,
  keyValueMessage,
  listMessage,
  rawBodyResultMessage,
  targetMessage,
} from '../pdk/messages.js';
import { METHODS_BY_NAME } from '../pdk/methods.js';
import { answerOf } from './exit.js';
import { callPdk, type PdkHost } from './pdk.js';
import { ConnectionLost, READ_TIMEOUT_MS, type Rpc } from './plugin-rpc.js';

/** A PDK call to carry out, or the end of the event. */
interface Step {
  Data: 'ret' | { Method: string; Args: unknown[] };
  EventId: number;
}

/** Kong returns objects by typed methods; every other reply by `Step`. */
const STEP_METHODS: Record<string, string> = {
  'kong.client.get_credential': 'StepCredential',
  'kong.client.load_consumer': 'StepConsumer',
  'kong.client.get_consumer': 'StepConsumer',
  'kong.client.authenticate': 'StepCredential',
  'kong.router.get_route': 'StepRoute',
  'kong.router.get_service': 'StepService',
  'kong.request.get_query': 'StepMultiMap',
  'kong.request.get_headers': 'StepMultiMap',
  'kong.response.get_headers': 'StepMultiMap',
  'kong.service.response.get_headers': 'StepMultiMap',
};

/** Talks to the plugin server that listens on `socketPath`. */
export function createMsgpackRpc(socketPath: string, pluginName: string, host: PdkHost): Rpc {
  let messageId = 0;

  function call<T>(method: string, argument: unknown): Promise<T> {
    messageId += 1;
    const request = encode([0, messageId, `plugin.${method}`, [argument]]);
    return new Promise((resolve, reject) => {
      const socket: Socket = connect(socketPath, () => socket.write(request));
      const chunks: Buffer[] = [];
      socket.setTimeout(READ_TIMEOUT_MS, () => socket.destroy(new Error('timeout')));
      socket.on('data', (chunk) => {
        chunks.push(chunk);
        let answer: unknown[];
        try {
          answer = new Decoder().decode(Buffer.concat(chunks)) as unknown[];
        } catch (error) {
          if (error instanceof RangeError) return;
          socket.destroy(error as Error);
          return;
        }
        socket.end();
        const [, , failure, result] = answer;
        if (failure === null || failure === undefined) resolve(result as T);
        else
          reject(
            String(failure).includes('no plugin instance')
              ? new ConnectionLost(String(failure))
              : new Error(String(failure)),
          );
      });
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('no data')));
    });
  }

  return {
    failsOpen: true,
    async startInstance(config) {
      const { Id } = await call<{ Id: number }>('StartInstance', { Name: pluginName, Config: JSON.stringify(config) });
      return Id;
    },
    async closeInstance(id) {
      await call('CloseInstance', id);
    },
    async handleEvent(context, phase, id) {
      let step = await call<Step>('HandleEvent', { InstanceId: id, EventName: phase });
      while (step.Data !== 'ret') {
        const { Method: name, Args: args } = step.Data;
        const method = METHODS_BY_NAME.get(name);
        if (method === undefined) throw new PdkFailure(`could not find pdk method: ${name}`);
        if (!method.phases.has(phase as never))
          throw new PdkFailure(`function ${name} cannot be called in ${phase} phase`);
        const argument = fromList(method.argument, args);
        if (name === 'kong.response.exit') {
          context.exit = answerOf(context, argument as never);
          return;
        }
        const reply = await callPdk(context, name, argument, host).catch((error: Error) => {
          throw new PdkFailure(error.message);
        });
        const data = toReply(method.reply, reply);
        step = await call<Step>(STEP_METHODS[name] ?? 'Step', { EventId: step.EventId, Data: data });
      }
    },
    close() {},
  };
}

/** Kong itself refused a call: that ends the request also with MsgPack:1. */
export class PdkFailure extends Error {}

/** Positional arguments as the message that carries them in ProtoBuf:1. */
function fromList(codec: Codec<unknown>, args: unknown[]): unknown {
  const is = (other: unknown): boolean => (codec as unknown) === other;
  const [first, second, third] = args;
  if (is(emptyMessage)) return undefined;
  if (is(keyValueMessage)) return { k: first, v: second ?? null };
  if (is(listMessage)) return args;
  if (is(targetMessage)) return { host: first, port: second };
  if (is(consumerSpecMessage)) return { id: first, by_username: second === true };
  if (is(authenticateArgsMessage)) return { consumer: first, credential: second };
  if (is(bytesMessage)) return toBytes(first);
  if (is(exitArgsMessage)) return { status: first, body: toBytes(second ?? ''), headers: third ?? {} };
  return first;
}

function toReply(codec: Codec<unknown>, reply: unknown): unknown {
  if ((codec as unknown) !== rawBodyResultMessage) return reply ?? null;
  const { content } = reply as { content: Buffer | undefined };
  // A body that nginx holds in a file cannot be sent this way (measured: the client gets 500).
  if (content === undefined) throw new PdkFailure('request body did not fit into client body buffer');
  return content;
}

function toBytes(value: unknown): Buffer {
  return value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value));
}
