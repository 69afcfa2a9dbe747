/**
 * Kong's side of ProtoBuf:1 (kong/runloop/plugin_servers): keeps a plugin server running, starts instances on first use,
 * sends events and answers the PDK calls that come back. It is as strict as Kong: a call that the phase does not allow, an
 * unknown method or a bad argument closes the connection and fails the request.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { decode, encode } from '../plugin-server/codec.js';
import { FrameReader, FrameWriter } from '../plugin-server/frames.js';
import { type RpcCall, rpcCallMessage, rpcReturnMessage } from '../plugin-server/messages.js';
import { METHODS_BY_NAME } from '../plugin-server/methods.js';
import { answerOf } from './exit.js';
import { callPdk, type PdkHost } from './pdk.js';
import type { RequestContext } from './request-context.js';

export interface PluginServerDefinition {
  name: string;
  /** Absolute path. */
  socket: string;
  startCommand?: string;
  queryCommand: string;
}

/** The first plugin of a dump: the only one that Kong registers. */
export interface PluginInfo {
  Name: string;
  Version: string;
  Priority: number;
  Phases: string[];
  Schema: { name: string; fields: unknown[] };
}

/** A plugin's configuration as its plugin server gets it. */
export interface RunnableConfig {
  /** What an instance is remembered by. */
  key: string;
  sequence: number;
  config: Record<string, unknown>;
}

/** Kong closed, or never got, the connection: the event did not end. */
class ConnectionLost extends Error {}

const RESPAWN_MS = 1000;
const KILL_MS = 5000;
/** lua_socket_read_timeout. */
const READ_TIMEOUT_MS = 60_000;

/** Asks a plugin server's query command for its plugin. @throws Error of one line if it cannot be run or understood */
export function queryPlugin(definition: PluginServerDefinition): PluginInfo {
  let printed: string;
  try {
    printed = execFileSync('/bin/sh', ['-c', `exec ${definition.queryCommand}`], {
      env: { PWD: '/' },
      cwd: '/',
      encoding: 'utf8',
    });
  } catch (error) {
    throw new Error(`failed loading external plugins: ${definition.name}: ${(error as Error).message.split('\n')[0]}`);
  }
  const dump = JSON.parse(printed) as { Protocol?: string; Plugins?: PluginInfo[] };
  if (dump.Protocol !== 'ProtoBuf:1') throw new Error(`${definition.name}: the local gateway speaks ProtoBuf:1 only`);
  const [plugin] = dump.Plugins ?? [];
  if (plugin === undefined) throw new Error(`${definition.name}: the dump holds no plugin`);
  return plugin;
}

export class PluginServerClient {
  readonly info: PluginInfo;
  readonly #definition: PluginServerDefinition;
  readonly #host: PdkHost;
  #process: ChildProcess | undefined;
  #respawn: NodeJS.Timeout | undefined;
  #closing = false;
  readonly #idle: Connection[] = [];
  readonly #instances = new Map<string, { sequence: number; id: Promise<number> }>();

  constructor(definition: PluginServerDefinition, host: PdkHost) {
    this.#definition = definition;
    this.#host = host;
    this.info = queryPlugin(definition);
    if (definition.startCommand !== undefined) this.#spawn();
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  #spawn(): void {
    const { name, startCommand } = this.#definition;
    const startedAt = performance.now();
    this.#host.log('notice', `[pluginserver] starting pluginserver process for ${name}`);
    const child = spawn('/bin/sh', ['-c', `exec ${startCommand}`], {
      env: { PWD: '/' },
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    this.#host.log('notice', `[pluginserver] started, pid ${child.pid}`);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      let rest = '';
      stream.on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) this.#host.log('info', `[${name}:${child.pid}] ${line}`);
      });
    }
    child.on('error', (error) => this.#host.log('err', `[pluginserver] ${error.message}`));
    child.on('exit', (code, signal) => {
      this.#process = undefined;
      this.#host.log(
        'notice',
        `external pluginserver '${name}' terminated: ${signal ? 'signal' : 'exit'} ${signal ?? code}`,
      );
      if (this.#closing) return;
      const wait = Math.max(0, RESPAWN_MS - (performance.now() - startedAt));
      this.#respawn = setTimeout(() => this.#spawn(), wait);
    });
  }

  /**
   * Runs a phase of a plugin for a request. Kong repeats an event whose connection was closed, on a new instance.
   * @throws Error if the plugin server cannot be reached or Kong refuses one of its calls
   */
  async handleEvent(context: RequestContext, phase: string, plugin: RunnableConfig): Promise<void> {
    for (;;) {
      const id = await this.#instance(plugin);
      try {
        const connection = await this.#connection();
        await connection.event(context, phase, id, this.#host);
        if (connection.isOpen) this.#idle.push(connection);
        return;
      } catch (error) {
        if (!(error instanceof ConnectionLost) || context.response.destroyed) throw error;
        this.#instances.clear();
        this.#host.log('warn', 'closed');
      }
    }
  }

  #instance({ key, sequence, config }: RunnableConfig): Promise<number> {
    const known = this.#instances.get(key);
    if (known?.sequence === sequence) return known.id;
    const id = this.#start(config);
    this.#instances.set(key, { sequence, id });
    id.then(
      () => void (known && this.#close(known.id)),
      () => this.#instances.delete(key),
    );
    return id;
  }

  async #start(config: Record<string, unknown>): Promise<number> {
    const connection = await this.#connection();
    const call = { name: this.info.Name, config: Buffer.from(JSON.stringify(config)) };
    try {
      const status = await connection.call({ cmd_start_instance: call });
      this.#idle.push(connection);
      if (status.instance_status === undefined) throw new Error('starting instance: no status');
      return status.instance_status.instance_id;
    } catch (error) {
      throw new Error(`starting instance: ${error instanceof ConnectionLost ? 'closed' : (error as Error).message}`);
    }
  }

  async #close(id: Promise<number>): Promise<void> {
    try {
      const connection = await this.#connection();
      await connection.call({ cmd_close_instance: { instance_id: await id } });
      this.#idle.push(connection);
    } catch {
      // Kong does not care either: the process may be another one by now.
    }
  }

  async #connection(): Promise<Connection> {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.isOpen) return idle;
    }
    return Connection.open(this.#definition.socket);
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#respawn);
    for (const connection of this.#idle.splice(0)) connection.destroy();
    const child = this.#process;
    if (child === undefined) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), KILL_MS);
    await exited;
    clearTimeout(kill);
  }
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
        context.exit = answerOf(context, argumentBytes);
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
