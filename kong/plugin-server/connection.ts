/**
 * One connection from Kong. Kong sends a call and waits; while it waits for an event to end, the plugin server calls back:
 * PDK calls go out as frames, Kong answers each in order. An empty frame and an RpcReturn end the event.
 *
 * Calls of one tick leave in one write, the end of the event with them. The handler that returns, throws or runs out of
 * time, and the connection that closes, each end the event; after that, calls of its handler fail and nothing is sent.
 */
import type { Socket } from 'node:net';
import type { Phase } from '../../plugins/shared/plugin.js';
import { createKong } from '../pdk/client.js';
import { decode } from '../pdk/codec.js';
import { METHODS, type Method, type ReplyLimit } from '../pdk/methods.js';
import { PdkError } from '../pdk/pdk-error.js';
import { answerFailure, type FailureCode } from './failure.js';
import { FrameReader, FrameWriter, MAX_FRAME_BYTES } from './frames.js';
import type { Instance, Instances } from './instances.js';
import { type RpcCall, rpcCallMessage, rpcReturnMessage } from './messages.js';
import type { EventOutcome, ObserveEvent } from './metric-types.js';
import type { EventTrace, TraceEvent } from './otlp/trace-event.js';

export interface ConnectionOptions {
  instances: Instances;
  /** How long a handler may take before its event ends with 504. */
  deadlineMs: number;
  /** Takes one line for the operator. */
  log: (line: string) => void;
  /** Learns how each event ended. */
  observeEvent?: ObserveEvent | undefined;
  /** Learns each log entry that a plugin asks Kong for. */
  observeEntry?: ((json: string) => void) | undefined;
  /** Follows each event, if the process traces. */
  traceEvent?: TraceEvent | undefined;
}

export interface Connection {
  /** Closes the connection as soon as it is idle. A call that Kong is just sending on it fails. */
  closeWhenIdle(): void;
  /** Answers one more call of Kong's, or the one that runs, and closes the connection so that Kong never uses it again. */
  closeAfterAnswer(): void;
  destroy(): void;
}

/** A running event, as far as its calls and its deadline need to know. */
interface RunningEvent {
  /** The plugin's name in Kong. */
  readonly plugin: string;
  readonly phase: Phase;
  /** From then on, calls of the event's handler fail. */
  ended: boolean;
  readonly startedMs: number;
  observed: boolean;
  trace: EventTrace | undefined;
  onDeadline(): void;
}

/** What waits for the next reply frame; undefined where nobody needs the reply. */
type Waiting =
  | { take(frame: Buffer | number): void; fail(error: Error): void; limit: ReplyLimit | undefined }
  | undefined;

const ignore = () => {};

const EXIT: Method = METHODS.response.exit;
const SERIALIZE: Method = METHODS.log.serialize;

const DONE = Promise.resolve(undefined);

let toFlush: (() => void)[] = [];

/** Calls back once all that has arrived is handled, so that what a resumed handler does at once leaves in the same write. */
function scheduleForFlush(flush: () => void): void {
  if (toFlush.push(flush) === 1) setImmediate(flushAll);
}

function flushAll(): void {
  const flushes = toFlush;
  toFlush = [];
  for (const flush of flushes) flush();
}

function failed(error: Error): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(ignore);
  return promise;
}

/** Serves Kong on a socket until it closes. Never throws: whatever goes wrong ends in an answer or a closed connection. */
export function serveConnection(socket: Socket, options: ConnectionOptions): Connection {
  const { instances, log, observeEvent, observeEntry, traceEvent } = options;
  const writer = new FrameWriter();
  const reader = new FrameReader(onFrame, () => waiting[0]?.limit?.frameBytes ?? MAX_FRAME_BYTES);
  let waiting: Waiting[] = [];
  let running: RunningEvent | undefined;
  let closing = false;
  let flushScheduled = false;

  // One timer a connection, set anew by each event: the cheapest that Node has.
  const deadline = setTimeout(() => {
    if (running?.ended === false) running.onDeadline();
  }, options.deadlineMs);

  socket.on('data', onData);
  socket.on('error', ignore);
  socket.on('close', onClose);

  function onData(chunk: Buffer): void {
    try {
      reader.push(chunk);
    } catch (error) {
      log(`connection closed: ${(error as Error).message}`);
      socket.destroy();
    }
  }

  function onClose(): void {
    clearTimeout(deadline);
    if (running !== undefined) running.ended = true;
    const abandoned = waiting;
    waiting = [];
    // Every exit ends here, with nobody waiting: an error nobody gets would be a twentieth of its cost (measured).
    if (abandoned.every((entry) => entry === undefined)) return;
    const error = new PdkError('Kong closed the connection while the event was running');
    for (const entry of abandoned) entry?.fail(error);
  }

  function onFrame(frame: Buffer | number): void {
    if (socket.destroyed) return;
    if (waiting.length > 0) {
      waiting.shift()?.take(frame);
      return;
    }
    if (typeof frame === 'number') throw new Error('a call from Kong is over the limit for a frame');
    if (running !== undefined) throw new Error('Kong sent a call while an event was running');
    onCall(decode(rpcCallMessage, frame));
  }

  function onCall(call: RpcCall): void {
    const { sequence, cmd_handle_event, cmd_start_instance, cmd_close_instance, cmd_get_instance_status } = call;
    if (cmd_handle_event) {
      handleEvent(sequence, cmd_handle_event.instance_id, cmd_handle_event.event_name);
    } else if (cmd_start_instance) {
      sendStatus(sequence, instances.start(cmd_start_instance.name, cmd_start_instance.config));
    } else if (cmd_close_instance) {
      const id = cmd_close_instance.instance_id;
      answerAbout(sequence, id, instances.close(id));
    } else if (cmd_get_instance_status) {
      const id = cmd_get_instance_status.instance_id;
      answerAbout(sequence, id, instances.get(id));
    } else if (call.cmd_get_plugin_names) {
      writer.frame(rpcReturnMessage, { sequence, plugin_names: { names: [...instances.names] } });
      onAnswered();
    } else {
      throw new Error('Kong sent a call that ProtoBuf:1 does not know');
    }
  }

  /** Kong takes a closed connection as "no such instance": it starts it anew and repeats the event. */
  function closeForUnknownInstance(id: number): void {
    log(`instance ${id} is not known here: closing the connection, so that Kong starts it anew`);
    socket.destroy();
  }

  function answerAbout(sequence: number, id: number, instance: Instance | undefined): void {
    if (instance === undefined) closeForUnknownInstance(id);
    else sendStatus(sequence, instance);
  }

  function sendStatus(sequence: number, instance: Instance): void {
    const status = { name: instance.name, instance_id: instance.id, started_at: instance.startedAt };
    writer.frame(rpcReturnMessage, { sequence, instance_status: status });
    onAnswered();
  }

  function handleEvent(sequence: number, id: number, phase: string): void {
    const instance = instances.get(id);
    if (instance === undefined) closeForUnknownInstance(id);
    else if (phase === 'access' || phase === 'response' || phase === 'log') runEvent(sequence, phase, instance);
    else throw new Error(`Kong sent an event of the phase ${phase}, which was not announced`);
  }

  function runEvent(sequence: number, phase: Phase, { name, plugin }: Instance): void {
    const fail = (code: FailureCode, error: unknown): void => failEvent(sequence, event, code, error);
    const event: RunningEvent = {
      plugin: name,
      phase,
      ended: false,
      startedMs: observeEvent === undefined ? 0 : performance.now(),
      observed: false,
      trace: undefined,
      onDeadline: () => fail('gateway.plugin.timeout', new Error(`no end after ${options.deadlineMs} ms`)),
    };
    running = event;
    deadline.refresh();
    try {
      const kong = createKong((...args) => call(event, ...args));
      event.trace = traceEvent?.(name, phase, kong);
      const handled = plugin[phase]?.(kong, event.trace?.timeline);
      if (handled === undefined) end(sequence, event);
      else {
        handled.then(
          () => end(sequence, event),
          (error: unknown) => fail('gateway.plugin.error', error),
        );
      }
    } catch (error) {
      fail('gateway.plugin.error', error);
    }
  }

  function failEvent(sequence: number, event: RunningEvent, code: FailureCode, error: unknown): void {
    // A handler whose connection has gone, or that goes on after its exit, learns of it by a PdkError: nothing to tell.
    if (event.ended && error instanceof PdkError) return;
    const description = error instanceof Error ? error.message : String(error);
    log(`${event.plugin} ${event.phase}: ${error instanceof Error ? (error.stack ?? description) : description}`);
    if (event.ended) return;
    event.ended = true;
    observe(event, 'failed');
    // What answers the client is an event of its own: the handler may still be running, and must not interfere.
    const last: RunningEvent = { ...event, ended: false, onDeadline: () => socket.destroy() };
    running = last;
    deadline.refresh();
    const kong = createKong((...args) => call(last, ...args));
    void kong.log.err(`${event.plugin} ${event.phase}: ${description}`);
    if (event.phase === 'log') tellEnd(sequence, last);
    else answerFailure(kong, event.phase, code).catch(() => socket.destroy());
  }

  /** An event that failed ends once more when its answer is made: it counts once. */
  function observe(event: RunningEvent, outcome: EventOutcome): void {
    if (event.observed) return;
    event.observed = true;
    event.trace?.end(outcome);
    observeEvent?.(event.plugin, event.phase, outcome, performance.now() - event.startedMs);
  }

  function end(sequence: number, event: RunningEvent): void {
    if (event.ended) return;
    observe(event, 'ended');
    tellEnd(sequence, event);
  }

  /** Tells Kong that the event is over. */
  function tellEnd(sequence: number, event: RunningEvent): void {
    event.ended = true;
    running = undefined;
    writer.emptyFrame();
    writer.frame(rpcReturnMessage, { sequence });
    onAnswered();
  }

  /** To be called when an answer has been written. */
  function onAnswered(): void {
    scheduleFlush();
    if (!closing) return;
    // Kong puts no connection into its pool that has something unread. A closing alone might reach it after it has put the
    // connection there and taken it out again, for a call that would then fail.
    writer.emptyFrame();
    close();
  }

  function close(): void {
    flush();
    socket.end();
  }

  /** @throws PdkError if the phase does not allow the method; TypeError for an argument that cannot be sent */
  function call(event: RunningEvent, method: Method, argument: unknown, limit?: ReplyLimit): Promise<unknown> {
    if (event.ended) return failed(new PdkError(`${method.name} was called after its event had ended`));
    if (!method.phases.has(event.phase))
      throw new PdkError(`${method.name} cannot be called in the ${event.phase} phase`);
    writer.call(method, argument);
    scheduleFlush();
    if (method === EXIT) {
      // Kong never answers an exit: it drops the connection when the request ends.
      event.ended = true;
      observe(event, 'exit');
      return DONE;
    }
    if (method.replyIsEmpty) {
      waiting.push(undefined);
      return DONE;
    }
    const reply = new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        // A handler may have dropped the promise; its failure must not end the process.
        reply.catch(ignore);
        reject(error);
      };
      waiting.push({
        take(frame) {
          if (typeof frame === 'number') {
            fail(limit?.exceeded(frame) ?? new PdkError(`${method.name}: Kong's answer is over the limit for a frame`));
            return;
          }
          try {
            const value = decode(method.reply, frame);
            if (method === SERIALIZE && typeof value === 'string') observeEntry?.(value);
            resolve(value);
          } catch (error) {
            fail(error);
            throw error;
          }
        },
        fail,
        limit,
      });
    });
    return reply;
  }

  function scheduleFlush(): void {
    if (flushScheduled) return;
    flushScheduled = true;
    scheduleForFlush(flush);
  }

  function flush(): void {
    flushScheduled = false;
    if (!writer.isEmpty && !socket.destroyed) socket.write(writer.take());
  }

  return {
    closeWhenIdle() {
      closing = true;
      if (running === undefined) close();
    },
    closeAfterAnswer() {
      closing = true;
    },
    destroy: () => socket.destroy(),
  };
}
