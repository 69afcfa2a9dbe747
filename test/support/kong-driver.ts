/**
 * Kong's side of ProtoBuf:1, for tests and benchmarks: connects to a plugin server's socket, starts instances, sends
 * events and answers the PDK calls that come back, one reply a call, in order, as Kong does.
 */
import { connect, type Socket } from 'node:net';
import { decode, encode } from '../../kong/pdk/codec.js';
import { METHODS_BY_NAME } from '../../kong/pdk/methods.js';
import { FrameReader, FrameWriter } from '../../kong/plugin-server/frames.js';
import { type RpcCall, type RpcReturn, rpcCallMessage, rpcReturnMessage } from '../../kong/plugin-server/messages.js';

/** A PDK call as it came over the wire. */
export interface PdkCallSeen {
  method: string;
  argument: unknown;
  argumentBytes: Buffer;
}

/** What an event came to. */
export interface EventResult {
  calls: PdkCallSeen[];
  /** The arguments of `kong.response.exit`, if the plugin made it; the connection is closed then, as Kong does. */
  exit?: { status: number; body: Buffer; headers: Record<string, unknown> };
  /** How often Kong had to wait for the plugin server: 1 if everything came with the first read. */
  roundTrips: number;
}

/** Answers a PDK call: with a value for the method's reply message, or with the reply's bytes. */
export type Answer = (call: PdkCallSeen) => unknown;

/** An answer that leaves Kong's reply to the test. */
export const NO_REPLY = Symbol('no reply');

/** The connection was closed by the plugin server. */
export class ConnectionClosed extends Error {}

/** An RpcCall without a command. */
export const NO_COMMAND = {
  cmd_start_instance: undefined,
  cmd_get_instance_status: undefined,
  cmd_close_instance: undefined,
  cmd_handle_event: undefined,
};

export class KongDriver {
  readonly socket: Socket;
  readonly #frames: Buffer[] = [];
  readonly #writer = new FrameWriter();
  #waiting: (() => void) | undefined;
  #sequence = 0;
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    const reader = new FrameReader((frame) => {
      if (frame) this.#frames.push(frame);
    });
    socket.on('data', (chunk) => {
      reader.push(chunk);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  static connect(path: string): Promise<KongDriver> {
    return new Promise((resolve, reject) => {
      const socket = connect(path, () => resolve(new KongDriver(socket)));
      socket.once('error', reject);
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  /** The next frame. @throws ConnectionClosed */
  async frame(): Promise<Buffer> {
    while (this.#frames.length === 0) {
      if (this.closed) throw new ConnectionClosed('the plugin server closed the connection');
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    return this.#frames.shift() as Buffer;
  }

  get hasFrame(): boolean {
    return this.#frames.length > 0;
  }

  send(call: Partial<RpcCall>): number {
    this.#sequence += 1;
    this.#writer.frame(rpcCallMessage, { ...NO_COMMAND, sequence: this.#sequence, ...call });
    this.socket.write(this.#writer.take());
    return this.#sequence;
  }

  sendBytes(reply: Uint8Array): void {
    const frame = Buffer.alloc(4 + reply.length);
    frame.writeUInt32LE(reply.length);
    frame.set(reply, 4);
    this.socket.write(frame);
  }

  async #return(sequence: number): Promise<RpcReturn> {
    const answer = decode(rpcReturnMessage, await this.frame());
    if (answer.sequence !== sequence) throw new Error(`sequence ${answer.sequence} where ${sequence} belongs`);
    return answer;
  }

  /** Starts an instance and returns its number. @throws ConnectionClosed if the configuration is refused */
  async startInstance(config: unknown, name = 'probe'): Promise<number> {
    const bytes = Buffer.from(JSON.stringify(config));
    const { instance_status } = await this.#return(this.send({ cmd_start_instance: { name, config: bytes } }));
    if (instance_status === undefined) throw new Error('no instance status');
    return instance_status.instance_id;
  }

  async closeInstance(id: number): Promise<void> {
    await this.#return(this.send({ cmd_close_instance: { instance_id: id } }));
  }

  async instanceStatus(id: number): Promise<RpcReturn> {
    return this.#return(this.send({ cmd_get_instance_status: { instance_id: id } }));
  }

  /**
   * Runs an event to its end.
   * @param answer replies to each call; by default every reply is empty
   * @throws ConnectionClosed if the plugin server closes instead of ending the event
   */
  async event(id: number, phase: string, answer: Answer = () => Buffer.alloc(0)): Promise<EventResult> {
    const sequence = this.send({ cmd_handle_event: { instance_id: id, event_name: phase } });
    const result: EventResult = { calls: [], roundTrips: 0 };
    for (;;) {
      if (!this.hasFrame) result.roundTrips += 1;
      const name = await this.frame();
      if (name.length === 0) break;
      const call = readCall(name.toString('latin1'), await this.frame());
      result.calls.push(call);
      if (call.method === 'kong.response.exit') {
        result.exit = call.argument as NonNullable<EventResult['exit']>;
        this.socket.destroy();
        return result;
      }
      const reply = answer(call);
      if (reply === NO_REPLY) continue;
      this.sendBytes(reply instanceof Uint8Array ? reply : encodeReply(call.method, reply));
    }
    await this.#return(sequence);
    return result;
  }

  close(): void {
    this.socket.destroy();
  }
}

function readCall(method: string, argumentBytes: Buffer): PdkCallSeen {
  const known = METHODS_BY_NAME.get(method);
  if (known === undefined) throw new Error(`unknown method ${method}`);
  return { method, argument: decode(known.argument, argumentBytes), argumentBytes: Buffer.from(argumentBytes) };
}

/** Encodes a reply as Kong does. */
export function encodeReply(method: string, reply: unknown): Uint8Array {
  const known = METHODS_BY_NAME.get(method);
  if (known === undefined) throw new Error(`unknown method ${method}`);
  return encode(known.reply, reply);
}
