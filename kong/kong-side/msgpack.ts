/**
 * Kong's side of MsgPack:1 (kong/runloop/plugin_servers/rpc/mp_rpc.lua), which npm kong-pdk's own plugin server speaks: a
 * request a PDK call, never fewer.
 */
import type { Socket } from 'node:net';
import { decode, encode } from '@msgpack/msgpack';
import { METHODS } from '../pdk/methods.js';
import { ConnectionClosed, connectTo, READ_TIMEOUT_MS } from './connect.js';

/** What the plugin server answers to a call about an event: a PDK call to carry out, or the event's end. */
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

/** One connection to a plugin server. */
export class MsgPackDriver {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: { resolve(result: unknown): void; reject(error: Error): void } | undefined;
  #messageId = 0;

  private constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('error', (error) => this.#waiting?.reject(error));
    socket.on('close', () => this.#waiting?.reject(new Error('no data')));
    socket.setTimeout(timeoutMs, () => {
      if (this.#waiting !== undefined) socket.destroy(new Error('timeout'));
    });
  }

  /**
   * Connects to the plugin server that listens on `path`.
   * @param timeoutMs how long it may say nothing
   * @throws Error if none does
   */
  static async connect(path: string, timeoutMs = READ_TIMEOUT_MS): Promise<MsgPackDriver> {
    return new MsgPackDriver(await connectTo(path), timeoutMs);
  }

  async startInstance(config: unknown, name: string): Promise<number> {
    const { Id } = await this.#call<{ Id: number }>('StartInstance', { Name: name, Config: JSON.stringify(config) });
    return Id;
  }

  async closeInstance(id: number): Promise<void> {
    await this.#call('CloseInstance', id);
  }

  /**
   * Runs an event to its end, or to the plugin's exit. Returns the PDK calls that it made, with how often Kong had to wait.
   * @throws ConnectionClosed if the instance is not there; what `answer` throws
   */
  async event(id: number, phase: string, answer: (method: string, args: unknown[]) => unknown = () => null) {
    const calls: { method: string; args: unknown[] }[] = [];
    let step = await this.#call<Step>('HandleEvent', { InstanceId: id, EventName: phase });
    let roundTrips = 1;
    while (step.Data !== 'ret') {
      const { Method: method, Args: args } = step.Data;
      calls.push({ method, args });
      const reply = await answer(method, args);
      if (method === METHODS.response.exit.name) break;
      step = await this.#call<Step>(STEP_METHODS[method] ?? 'Step', { EventId: step.EventId, Data: reply });
      roundTrips += 1;
    }
    return { calls, roundTrips };
  }

  close(): void {
    this.#socket.destroy();
  }

  #call<T>(method: string, argument: unknown): Promise<T> {
    this.#messageId += 1;
    const request = encode([0, this.#messageId, `plugin.${method}`, [argument]]);
    return new Promise<T>((resolve, reject) => {
      this.#waiting = { resolve: resolve as (result: unknown) => void, reject };
      this.#socket.write(request, (error) => error && reject(error));
    });
  }

  #onData(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    let answer: unknown[];
    try {
      answer = decode(this.#received) as unknown[];
    } catch (error) {
      // There is more to come.
      if (!(error instanceof RangeError)) this.#socket.destroy(error as Error);
      return;
    }
    this.#received = Buffer.alloc(0);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    const [, , failure, result] = answer;
    if (failure === null || failure === undefined) waiting?.resolve(result);
    else {
      const message = String(failure);
      waiting?.reject(message.includes('no plugin instance') ? new ConnectionClosed(message) : new Error(message));
    }
  }
}
