/**
 * The recorded conversation between a real Kong 3.9.3 and a plugin server, frame by frame. The recorder cut calls at 200
 * bytes and replies at 300; such frames serve to show that a frame that ends early is refused.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A frame of an RpcCall or RpcReturn, or a PDK call with Kong's reply, or the end of a connection. */
export type Entry =
  | { kind: 'call'; connection: number; bytes: Buffer; json: Record<string, unknown> }
  | { kind: 'return'; connection: number; bytes: Buffer }
  | {
      kind: 'pdk';
      connection: number;
      phase: string;
      method: string;
      argumentJson: unknown;
      argumentBytes: Buffer;
      /** Undefined where Kong closed the connection instead, or named a file of its own. */
      replyBytes: Buffer | undefined;
      replyJson: unknown;
    }
  | { kind: 'closed-by-kong'; connection: number };

interface Line {
  conn: number;
  from?: 'kong' | 'plugin';
  hex?: string;
  call?: Record<string, unknown>;
  phase?: string;
  pdk?: string;
  arg?: unknown;
  args_hex?: string;
  reply_hex?: string | null;
  reply?: unknown;
}

/** Whether only the beginning of a frame was recorded. */
export function isCut(bytes: Buffer): boolean {
  return bytes.length === 200 || bytes.length === 300;
}

export function readTranscript(): Entry[] {
  const path = join(import.meta.dirname, 'fixtures/kong-protobuf-transcript.jsonl');
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((text) => toEntry(JSON.parse(text) as Line));
}

function toEntry(line: Line): Entry {
  const connection = line.conn;
  if (line.pdk !== undefined) {
    return {
      kind: 'pdk',
      connection,
      phase: line.phase ?? '',
      method: line.pdk,
      argumentJson: line.arg,
      argumentBytes: Buffer.from(line.args_hex ?? '', 'hex'),
      replyBytes: typeof line.reply_hex === 'string' ? Buffer.from(line.reply_hex, 'hex') : undefined,
      replyJson: line.reply,
    };
  }
  if (line.hex === undefined) return { kind: 'closed-by-kong', connection };
  const bytes = Buffer.from(line.hex, 'hex');
  return line.from === 'kong'
    ? { kind: 'call', connection, bytes, json: line.call ?? {} }
    : { kind: 'return', connection, bytes };
}
