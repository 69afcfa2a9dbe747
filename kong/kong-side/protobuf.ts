/**
 * Kong's side of ProtoBuf:1 (kong/runloop/plugin_servers/rpc/pb_rpc.lua): what the local gateway, tests and benchmarks
 * play Kong with.
 */
import type { Socket } from 'node:net';
import { decode, encode } from '../pdk/codec.js';
import type { ExitArgs } from '../pdk/messages.js';
import { METHODS, METHODS_BY_NAME, type Method } from '../pdk/methods.js';
import { FrameReader, FrameWriter } from '../plugin-server/frames.js';
import { type RpcCall, type RpcReturn, rpcCallMessage, rpcReturnMessage } from '../plugin-server/messages.js';
import { ConnectionClosed, connectTo, READ_TIMEOUT_MS } from './connect.js';

/** A PDK call as it came over the wire. */
export interface PdkCallSeen {
  method: string;
  argument: unknown;
}

/** What an event came to. */
export interface EventResult {
  calls: PdkCallSeen[];
  /** The arguments of `kong.response.exit`, if the plugin made it; the connection is closed then, as Kong does. */
  exit?: ExitArgs;
  /** How often Kong had to wait for the plugin server: 1 if everything came with the first read. */
  roundTrips: number;
}

/** Answers a PDK call: with a value for the method's reply message, or with the reply's bytes. A promise is awaited. */
export type Answer = (call: PdkCallSeen) => unknown;

/** An answer that leaves Kong's reply to the caller. */
export const NO_REPLY = Symbol('no reply');

const EMPTY_REPLY = new Uint8Array(0);

/** One connection to a plugin server: starts instances, and answers each PDK call of an event by one reply, in order. */
export class KongDriver {
  readonly socket: Socket;
  closed = false;
  readonly #frames: Buffer[] = [];
  readonly #writer = new FrameWriter();
  #lost: Error = new ConnectionClosed('closed');
  #wake: (() => void) | undefined;
  #sequence = 0;

  private constructor(socket: Socket, timeoutMs: number) {
    this.socket = socket;
    const reader = new FrameReader((frame) => {
      if (typeof frame !== 'number') this.#frames.push(frame);
    });
    socket.on('data', (chunk) => {
      reader.push(chunk);
      this.#wake?.();
    });
    socket.on('close', () => {
      this.closed = true;
      this.#wake?.();
    });
    socket.setTimeout(timeoutMs);
    // Not the argument of setTimeout, which is called once: a connection may have been idle for that long before.
    socket.on('timeout', () => {
      if (this.#wake === undefined) return;
      this.#lost = new Error('pluginserver error: timeout');
      socket.destroy();
    });
  }

  /**
   * Connects to the plugin server that listens on `path`.
   * @param timeoutMs how long it may say nothing
   * @throws Error if none does
   */
  static async connect(path: string, timeoutMs = READ_TIMEOUT_MS): Promise<KongDriver> {
    return new KongDriver(await connectTo(path), timeoutMs);
  }

  /** Whether something has come that was not read. */
  get hasFrame(): boolean {
    return this.#frames.length > 0;
  }

  /** Reads the next frame. @throws ConnectionClosed; Error if none comes in time */
  async frame(): Promise<Buffer> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      if (this.closed) throw this.#lost;
      this.#flush();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  /** Sends a call; returns its sequence. */
  send(call: Omit<RpcCall, 'sequence'>): number {
    this.#sequence += 1;
    this.#writer.frame(rpcCallMessage, { ...call, sequence: this.#sequence });
    this.#flush();
    return this.#sequence;
  }

  /** Sends the reply of a PDK call. */
  sendBytes(reply: Uint8Array): void {
    this.#writer.bytes(reply);
    this.#flush();
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

  /** Asks which plugins it serves: what any process that works can answer. @throws Error if no answer comes in time */
  async pluginNames(): Promise<string[]> {
    const { plugin_names } = await this.#return(this.send({ cmd_get_plugin_names: {} }));
    return plugin_names?.names ?? [];
  }

  /**
   * Runs an event to its end. What fails closes the connection, as Kong does.
   * @param answer replies to each call; by default every reply is empty
   * @throws ConnectionClosed if the plugin server closes instead of ending the event; what `answer` throws
   */
  async event(id: number, phase: string, answer: Answer = () => EMPTY_REPLY): Promise<EventResult> {
    const result: EventResult = { calls: [], roundTrips: 0 };
    try {
      const sequence = this.send({ cmd_handle_event: { instance_id: id, event_name: phase } });
      for (;;) {
        if (!this.hasFrame) result.roundTrips += 1;
        const name = await this.frame();
        if (name.length === 0) break;
        const method = methodNamed(name.toString('latin1'));
        const call = { method: method.name, argument: decode(method.argument, await this.frame()) };
        result.calls.push(call);
        let reply = answer(call);
        if (reply instanceof Promise) {
          this.#flush();
          reply = await reply;
        }
        if (method === EXIT) {
          result.exit = call.argument as ExitArgs;
          this.#flush();
          this.close();
          return result;
        }
        if (reply !== NO_REPLY) this.#writer.bytes(reply instanceof Uint8Array ? reply : encode(method.reply, reply));
      }
      await this.#return(sequence);
      return result;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    this.closed = true;
    this.socket.destroy();
  }

  async #return(sequence: number): Promise<RpcReturn> {
    const answer = decode(rpcReturnMessage, await this.frame());
    if (answer.sequence !== sequence) throw new Error(`sequence ${answer.sequence} where ${sequence} belongs`);
    return answer;
  }

  /** Replies to calls that came together leave in one write. */
  #flush(): void {
    if (!this.#writer.isEmpty) this.socket.write(this.#writer.take());
  }
}

const EXIT: Method = METHODS.response.exit;

function methodNamed(name: string): Method {
  const method = METHODS_BY_NAME.get(name);
  if (method === undefined) throw new Error(`method "${name}" not found`);
  return method;
}

/** Encodes a reply as Kong does. @throws Error if there is no such method; TypeError for a value that cannot be sent */
export function encodeReply(method: string, reply: unknown): Uint8Array {
  return encode(methodNamed(method).reply, reply);
}
