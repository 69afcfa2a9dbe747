/** What both protocols of plugin servers offer to the gateway. */
import type { RequestContext } from './request-context.js';

export interface Rpc {
  /** Whether Kong lets a request through when the plugin server fails: MsgPack:1 does (measured), ProtoBuf:1 does not. */
  readonly failsOpen: boolean;
  /** @throws Error if the instance is refused or the plugin server cannot be reached */
  startInstance(config: Record<string, unknown>): Promise<number>;
  closeInstance(id: number): Promise<void>;
  /** Runs a phase for a request. @throws ConnectionLost if Kong takes the instance as gone; Error for anything else */
  handleEvent(context: RequestContext, phase: string, id: number): Promise<void>;
  close(): void;
}

/** The plugin server closed the connection, or does not know the instance: Kong starts another one and repeats the event. */
export class ConnectionLost extends Error {}

/** How long Kong waits for a plugin server (lua_socket_read_timeout). */
export const READ_TIMEOUT_MS = 60_000;
