/**
 * The two protocols of plugin servers. They are as strict as Kong: a call that the phase does not allow, an unknown
 * method or a bad argument fails the request.
 */
import { MsgPackDriver } from '../kong-side/msgpack.js';
import { encodeReply, KongDriver } from '../kong-side/protobuf.js';
import type { RawBodyResult } from '../pdk/messages.js';
import { METHODS, METHODS_BY_NAME } from '../pdk/methods.js';
import { callPdk, type PdkEvent, type PdkHost } from './pdk.js';
import type { RequestContext } from './request-context.js';

export interface Rpc {
  /** Whether a request goes on when the plugin server fails: with MsgPack:1 yes (measured), with ProtoBuf:1 no. */
  readonly failsOpen: boolean;
  /** Starts an instance. @throws Error if it is refused or the plugin server cannot be reached */
  startInstance(config: Record<string, unknown>): Promise<number>;
  closeInstance(id: number): Promise<void>;
  /**
   * Runs a phase for a request.
   * @throws ConnectionClosed if Kong considers the instance gone, PdkFailure if Kong refuses a call, or another Error
   */
  handleEvent(context: RequestContext, phase: string, id: number): Promise<void>;
  close(): void;
}

/** Kong refused a call. That ends the request with MsgPack:1 too. */
export class PdkFailure extends Error {}

/** Talks ProtoBuf:1 to the plugin server that listens on `socketPath`. Reuses connections. */
export function createProtobufRpc(socketPath: string, pluginName: string, host: PdkHost): Rpc {
  const idle: KongDriver[] = [];

  async function use<T>(run: (kong: KongDriver) => Promise<T>): Promise<T> {
    let kong = idle.pop();
    while (kong?.closed) kong = idle.pop();
    kong ??= await KongDriver.connect(socketPath, host.pluginServerTimeoutMs);
    const result = await run(kong);
    // nginx does not reuse a connection with unread data.
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
 * Talks MsgPack:1 to the plugin server that listens on `socketPath`. It fails open (measured): an error is logged, and
 * the request goes on.
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

/** Returns a body. One that nginx holds in a file cannot be sent in MsgPack:1 (measured: the client gets 500). */
function contentOf({ content }: RawBodyResult): Buffer {
  if (content === undefined) throw new Error('request body did not fit into client body buffer');
  return content;
}
