/**
 * Kong's side of ProtoBuf:1 (kong/runloop/plugin_servers/rpc/pb_rpc.lua), as strict as Kong: a call that the phase does not
 * allow, an unknown method or a bad argument closes the connection and fails the request. A plugin server that cannot be
 * reached fails the request too.
 */
import { connect, type Socket } from 'node:net';
import { decode, encode } from '../pdk/codec.js';
import { exitArgsMessage } from '../pdk/messages.js';
import { METHODS_BY_NAME } from '../pdk/methods.js';
import { FrameReader, FrameWriter } from '../plugin-server/frames.js';
import { type RpcCall, rpcCallMessage, rpcReturnMessage } from '../plugin-server/messages.js';
import { answerOf } from './exit.js';
import { callPdk, type PdkHost } from './pdk.js';
import { ConnectionLost, READ_TIMEOUT_MS, type Rpc } from './plugin-rpc.js';
import type { RequestContext } from './request-context.js';

/** Talks to the plugin server that listens on `socketPath`. */
export function createProtobufRpc(socketPath: string, pluginName: string, host: PdkHost): Rpc {
  const idle: Connection[] = [];

  async function connection(): Promise<Connection> {
    for (let candidate = idle.pop(); candidate !== undefined; candidate = idle.pop()) {
      if (candidate.isOpen) return candidate;
    }
    return Connection.open(socketPath);
  }

  function keep(used: Connection): void {
    if (used.isReusable) idle.push(used);
    else used.destroy();
  }

  return {
    failsOpen: false,
    async startInstance(config) {
      const used = await connection();
      const call = { name: pluginName, config: Buffer.from(JSON.stringify(config)) };
      const { instance_status } = await used.call({ cmd_start_instance: call });
      keep(used);
      if (instance_status === undefined) throw new Error('no instance status');
      return instance_status.instance_id;
    },
    async closeInstance(id) {
      const used = await connection();
      await used.call({ cmd_close_instance: { instance_id: id } });
      keep(used);
    },
    async handleEvent(context, phase, id) {
      const used = await connection();
      await used.event(context, phase, id, host);
      keep(used);
    },
    close() {
      for (const open of idle.splice(0)) open.destroy();
    },
  };
}

class Connection {
  readonly #socket: Socket;
  readonly #frames: Buffer[] = [];
  readonly #writer = new FrameWriter();
  #wake: (() => void) | undefined;
  #sequence = 0;
  isOpen = true;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const reader = new FrameReader((frame) => {
      if (frame) this.#frames.push(frame);
    });
    socket.on('data', (chunk) => {
      reader.push(chunk);
      this.#wake?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isOpen = false;
      this.#wake?.();
    });
  }

  static open(path: string): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once('connect', () => resolve(new Connection(socket)));
      socket.once('error', (error: NodeJS.ErrnoException) =>
        reject(new Error(`trying to connect: ${error.code ?? error.message}`)),
      );
    });
  }

  /** As nginx, which keeps no connection that has something unread. */
  get isReusable(): boolean {
    return this.isOpen && this.#frames.length === 0;
  }

  destroy(): void {
    this.isOpen = false;
    this.#socket.destroy();
  }

  async #frame(): Promise<Buffer> {
    const giveUpAt = performance.now() + READ_TIMEOUT_MS;
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      if (!this.isOpen) throw new ConnectionLost('closed');
      const left = giveUpAt - performance.now();
      if (left <= 0) {
        this.destroy();
        throw new Error('pluginserver error: timeout');
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #send(call: Partial<RpcCall>): number {
    this.#sequence += 1;
    const nothing = {
      cmd_start_instance: undefined,
      cmd_get_instance_status: undefined,
      cmd_close_instance: undefined,
      cmd_handle_event: undefined,
    };
    this.#writer.frame(rpcCallMessage, { ...nothing, sequence: this.#sequence, ...call });
    this.#socket.write(this.#writer.take());
    return this.#sequence;
  }

  async call(call: Partial<RpcCall>) {
    const sequence = this.#send(call);
    const answer = decode(rpcReturnMessage, await this.#frame());
    if (answer.sequence !== sequence) throw new Error('the sequence of a plugin server does not match');
    return answer;
  }

  async event(context: RequestContext, phase: string, instanceId: number, host: PdkHost): Promise<void> {
    const sequence = this.#send({ cmd_handle_event: { instance_id: instanceId, event_name: phase } });
    for (;;) {
      const name = (await this.#frame()).toString('latin1');
      if (name === '') break;
      const argumentBytes = await this.#frame();
      if (name === 'kong.response.exit' && METHODS_BY_NAME.get(name)?.phases.has(phase as never)) {
        context.exit = answerOf(context, decode(exitArgsMessage, argumentBytes));
        this.destroy();
        return;
      }
      await this.#answer(context, phase, name, argumentBytes, host);
    }
    if (decode(rpcReturnMessage, await this.#frame()).sequence !== sequence) throw new Error('sequence mismatch');
  }

  async #answer(
    context: RequestContext,
    phase: string,
    name: string,
    argumentBytes: Buffer,
    host: PdkHost,
  ): Promise<void> {
    try {
      const method = METHODS_BY_NAME.get(name);
      if (method === undefined) throw new Error(`method "${name}" not found`);
      if (!method.phases.has(phase as never)) throw new Error(`function ${name} cannot be called in ${phase} phase`);
      const reply = await callPdk(context, name, decode(method.argument, argumentBytes), host);
      const bytes = encode(method.reply, method.replyIsEmpty ? undefined : reply);
      const head = Buffer.alloc(4);
      head.writeUInt32LE(bytes.length);
      this.#socket.write(Buffer.concat([head, bytes]));
    } catch (error) {
      this.destroy();
      throw error;
    }
  }
}
