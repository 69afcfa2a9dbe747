/** A plugin server, as a process of its own, has the recorded conversation with Kong again. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeReply, KongDriver } from '../../kong/kong-side/protobuf.js';
import { decode, encode } from '../../kong/pdk/codec.js';
import { rawBodyResultMessage } from '../../kong/pdk/messages.js';
import { METHODS_BY_NAME } from '../../kong/pdk/methods.js';
import { type RpcCall, rpcReturnMessage } from '../../kong/plugin-server/messages.js';
import { type PluginServerProcess, startPluginServer } from '../../kong/testbed/plugin-server.js';
import { type Entry, isCut, readTranscript } from './transcript.js';

const transcript = readTranscript();
let server: PluginServerProcess;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'replay-'));
  server = await startPluginServer('test/support/probe-server.js', ['--name', 'pbprobe']);
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

it('says to Kong what the recorded plugin server said, and refuses before the wire what Kong refused', async () => {
  const instanceIds = new Map<number, number>();
  let replayed = 0;
  let refused = 0;
  let driver: KongDriver | undefined;
  let sequence = 0;

  const connected = async (): Promise<KongDriver> => {
    driver ??= await KongDriver.connect(server.socketPath);
    return driver;
  };

  for (const entry of transcript) {
    if (entry.kind === 'closed-by-kong') continue;
    const kong = await connected();
    if (entry.kind === 'call') {
      expect(kong.hasFrame).toBe(false);
      sequence = kong.send(callOf(entry.json, instanceIds));
      const start = entry.json.cmd_start_instance;
      if (start !== undefined) {
        const recorded = nextReturn(entry);
        const answer = decode(rpcReturnMessage, await kong.frame());
        expect(answer.sequence).toBe(sequence);
        instanceIds.set(recorded, answer.instance_status?.instance_id ?? -1);
      } else if (!eventHasCalls(entry)) {
        await expectEnd(kong, sequence);
      }
      continue;
    }
    if (entry.kind === 'return') continue;
    if (entry.replyJson === 'CONNECTION CLOSED' && entry.method !== 'kong.response.exit') {
      // Ours refuses by itself: what comes is the failure's log line, and its answer or the end of the event.
      expect((await kong.frame()).toString()).toBe('kong.log.err');
      expect((await kong.frame()).toString()).toMatch(/cannot be called in the|undefined|is not a function/);
      refused += 1;
      driver = undefined;
      kong.close();
      continue;
    }
    expect((await kong.frame()).toString('latin1')).toBe(entry.method);
    expect((await kong.frame()).toString('hex')).toBe(entry.argumentBytes.toString('hex'));
    replayed += 1;
    if (entry.method === 'kong.response.exit') {
      kong.close();
      driver = undefined;
      continue;
    }
    kong.sendBytes(replyOf(entry));
    if (isLastOfEvent(entry)) await expectEnd(kong, sequence);
  }
  driver?.close();
  expect(replayed).toBe(87);
  expect(refused).toBe(7);
});

async function expectEnd(kong: KongDriver, sequence: number): Promise<void> {
  expect(await kong.frame()).toHaveLength(0);
  expect(decode(rpcReturnMessage, await kong.frame())).toEqual({ sequence, instance_status: undefined });
}

function callOf(json: Record<string, unknown>, instanceIds: Map<number, number>): Omit<RpcCall, 'sequence'> {
  const start = json.cmd_start_instance as { name: string; config: unknown } | undefined;
  if (start !== undefined) {
    return { cmd_start_instance: { name: start.name, config: Buffer.from(JSON.stringify(start.config)) } };
  }
  const event = json.cmd_handle_event as { instance_id: number; event_name: string };
  return { cmd_handle_event: { ...event, instance_id: instanceIds.get(event.instance_id) ?? -1 } };
}

/** The instance number that the recorded plugin server gave out for this call. */
function nextReturn(call: Entry): number {
  const answer = transcript.slice(transcript.indexOf(call)).find((entry) => entry.kind === 'return');
  if (answer?.kind !== 'return') throw new Error('a call without its return');
  return decode(rpcReturnMessage, answer.bytes).instance_status?.instance_id ?? -1;
}

function followers(entry: Entry): Entry[] {
  return transcript.slice(transcript.indexOf(entry) + 1).filter((next) => next.kind !== 'closed-by-kong');
}

function eventHasCalls(call: Entry): boolean {
  return followers(call)[0]?.kind === 'pdk';
}

function isLastOfEvent(entry: Entry): boolean {
  return followers(entry)[0]?.kind !== 'pdk';
}

/** Kong's recorded reply; one that was cut, or that named a file of the recording machine, is made up anew. */
function replyOf(entry: Extract<Entry, { kind: 'pdk' }>): Uint8Array {
  if (entry.method === 'kong.request.get_raw_body' && entry.replyBytes === undefined) {
    const path = join(folder, 'spilled-body');
    writeFileSync(path, 'x'.repeat(20_000));
    return encode(rawBodyResultMessage, { content: undefined, body_filepath: path, error: undefined });
  }
  if (entry.replyBytes === undefined) throw new Error(`no reply recorded for ${entry.method}`);
  if (!isCut(entry.replyBytes)) return entry.replyBytes;
  const reply = METHODS_BY_NAME.get(entry.method)?.reply;
  const text = (entry.replyJson as { v?: string }).v;
  if (text === undefined) return encodeReply(entry.method, {});
  return encode(reply as never, (entry.method.endsWith('get_raw_body') ? Buffer.from(text) : text) as never);
}
