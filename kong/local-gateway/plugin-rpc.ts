/**
 * The two protocols of plugin servers, as strict as Kong: a call that the phase does not allow, an unknown method or a bad
 * argument fails the request.
 */
import { MsgPackDriver } from '../kong-side/msgpack.js';
import { encodeReply, KongDriver } from '../kong-side/protobuf.js';
import type { RawBodyResult } from '../pdk/messages.js';
import { METHODS, METHODS_BY_NAME } from '../pdk/methods.js';
import { callPdk, type PdkEvent, type PdkHost } from './pdk.js';
import type { RequestContext } from './request-context.js';

export interface Rpc {
  /** Whether Kong lets a request through when the plugin server fails: MsgPack:1 does (measured), ProtoBuf:1 does not. */
  readonly failsOpen: boolean;
  /** @throws Error if the instance is refused or the plugin server cannot be reached */
  startInstance(config: Record<string, unknown>): Promise<number>;
  closeInstance(id: number): Promise<void>;
  /**
   * Runs a phase for a request.
   * @throws ConnectionClosed if Kong takes the instance as gone; PdkFailure for a call that Kong refuses; Error for anything else
   */
  handleEvent(context: RequestContext, phase: string, id: number): Promise<void>;
  close(): void;
}

/** Kong itself refused a call: that ends the request also with MsgPack:1. */
export class PdkFailure extends Error {}

/** Talks ProtoBuf:1 to the plugin server that listens on `socketPath`, over connections that are kept. */
export function createProtobufRpc(socketPath: string, pluginName: string, host: PdkHost): Rpc {
  const idle: KongDriver[] = [];

  async function use<T>(run: (kong: KongDriver) => Promise<T>): Promise<T> {
    let kong = idle.pop();
    while (kong?.closed) kong = idle.pop();
    kong ??= await KongDriver.connect(socketPath, host.pluginServerTimeoutMs);
    const result = await run(kong);
    // nginx keeps no connection that has something unread.
    if (kong.hasFrame) kong.close();
    if (!kong.closed) idle.push(kong);
    return result;
  }

  return {
    failsOpen: false,
    startInstance: (config) => use((kong) => kong.startInstance(config, pluginName)),
    closeInstance: (id) => use((kong) => kong.closeInstance(id)),
    async handleEvent(context, phase, id) {
      await use((kong) =>
        kong.event(id, phase, async ({ method, argument }) =>
          encodeReply(method, await callPdk({ context, phase, host }, method, argument)),
        ),
      );
    },
    close() {
      for (const kong of idle.splice(0)) kong.close();
    },
  };
}

/**
 * Talks MsgPack:1 to the plugin server that listens on `socketPath`. It fails open, as measured: what goes wrong is logged,
 * and the request goes on.
 */
export function createMsgpackRpc(socketPath: string, pluginName: string, host: PdkHost): Rpc {
  async function use<T>(run: (kong: MsgPackDriver) => Promise<T>): Promise<T> {
    const kong = await MsgPackDriver.connect(socketPath, host.pluginServerTimeoutMs);
    try {
      return await run(kong);
    } finally {
      kong.close();
    }
  }

  async function answer(event: PdkEvent, name: string, args: unknown[]): Promise<unknown> {
    try {
      const reply = await callPdk(event, name, METHODS_BY_NAME.get(name)?.toArgument(...args));
      return name === METHODS.request.getRawBody.name ? contentOf(reply as RawBodyResult) : (reply ?? null);
    } catch (error) {
      throw new PdkFailure((error as Error).message);
    }
  }

  return {
    failsOpen: true,
    startInstance: (config) => use((kong) => kong.startInstance(config, pluginName)),
    closeInstance: (id) => use((kong) => kong.closeInstance(id)),
    async handleEvent(context, phase, id) {
      await use((kong) => kong.event(id, phase, (method, args) => answer({ context, phase, host }, method, args)));
    },
    close() {},
  };
}

/** A body that nginx holds in a file cannot be sent in MsgPack:1 (measured: the client gets 500). */
function contentOf({ content }: RawBodyResult): Buffer {
  if (content === undefined) throw new Error('request body did not fit into client body buffer');
  return content;
}
