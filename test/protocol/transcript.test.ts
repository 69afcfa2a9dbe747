/** Every frame that a real Kong sent and received is read and written alike. */
import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../kong/pdk/codec.js';
import { METHODS_BY_NAME } from '../../kong/pdk/methods.js';
import { rpcCallMessage, rpcReturnMessage } from '../../kong/plugin-server/messages.js';
import { fromProtobufJson } from '../support/probe-plugin.js';
import { type Entry, isCut, readTranscript } from './transcript.js';

const transcript = readTranscript();
type Pdk = Extract<Entry, { kind: 'pdk' }>;
const pdkCalls = transcript.filter((entry): entry is Pdk => entry.kind === 'pdk');

describe('the recorded transcript', () => {
  it('is whole', () => {
    expect(transcript).toHaveLength(151);
    expect(pdkCalls).toHaveLength(94);
  });

  it('has calls that decode to what Kong meant', () => {
    const calls = transcript.filter((entry) => entry.kind === 'call');
    expect(calls).toHaveLength(39);
    for (const { bytes, json } of calls) {
      if (isCut(bytes)) continue;
      const call = decode(rpcCallMessage, bytes);
      expect(call.sequence).toBe(json.sequence);
      const start = json.cmd_start_instance as { name: string; config: unknown } | undefined;
      if (start !== undefined) {
        expect(call.cmd_start_instance?.name).toBe(start.name);
        expect(JSON.parse(call.cmd_start_instance?.config.toString() ?? '')).toEqual(start.config);
      }
      expect(call.cmd_handle_event).toEqual(json.cmd_handle_event);
      expect(decode(rpcCallMessage, encode(rpcCallMessage, call))).toEqual(call);
    }
  });

  it('has frames that were cut, which are refused', () => {
    const cutCalls = transcript.filter((entry) => entry.kind === 'call' && isCut(entry.bytes));
    const cutReplies = pdkCalls.filter((call) => call.replyBytes !== undefined && isCut(call.replyBytes));
    expect([cutCalls.length, cutReplies.length]).toEqual([9, 8]);
    for (const entry of cutCalls) {
      if (entry.kind === 'call') expect(() => decode(rpcCallMessage, entry.bytes)).toThrow(/runs past the end/);
    }
    for (const { method, replyBytes } of cutReplies) {
      const reply = METHODS_BY_NAME.get(method)?.reply;
      expect(() => reply && decode(reply, replyBytes ?? Buffer.alloc(0))).toThrow(/runs past the end/);
    }
  });

  it('has returns that are written as they were read', () => {
    const returns = transcript.filter((entry) => entry.kind === 'return');
    expect(returns).toHaveLength(9);
    for (const { bytes } of returns) {
      const answer = decode(rpcReturnMessage, bytes);
      expect(answer.instance_status?.name).toBe('pbprobe');
      expect(encode(rpcReturnMessage, answer)).toEqual(new Uint8Array(bytes));
    }
  });

  it.each(
    pdkCalls
      .filter((call) => METHODS_BY_NAME.has(call.method))
      .map((call, index) => [index, call.phase, call.method, call] as const),
  )('call %i (%s, %s) is read and written alike', (_index, _phase, name, call) => {
    const method = METHODS_BY_NAME.get(name);
    if (method === undefined) throw new Error('filtered above');
    const argument = decode(method.argument, call.argumentBytes);
    expect(Buffer.from(encode(method.argument, argument)).toString('hex')).toBe(call.argumentBytes.toString('hex'));
    if (call.replyBytes === undefined || isCut(call.replyBytes)) return;
    const reply = decode(method.reply, call.replyBytes);
    expect(reply).toEqual(expectedReply(name, call.replyJson));
    expect(decode(method.reply, encode(method.reply, reply))).toEqual(reply);
  });

  it('has one method that Kong does not know', () => {
    expect(pdkCalls.filter((call) => !METHODS_BY_NAME.has(call.method)).map((call) => call.method)).toEqual([
      'kong.nope.nothing',
    ]);
  });
});

/** The value that a plugin author gets for a recorded reply. */
function expectedReply(method: string, json: unknown): unknown {
  if (json === '(empty)') return undefined;
  const fields = json as Record<string, unknown>;
  if (method.endsWith('get_headers')) {
    return Object.fromEntries(
      entriesOf(fields).map(([name, value]) => [name.toLowerCase(), [value].flat().map(String)]),
    );
  }
  if (method.endsWith('get_query'))
    return Object.fromEntries(entriesOf(fields).map(([name, value]) => [name, [value].flat()]));
  if (method === 'kong.ctx.shared.get' || method === 'kong.nginx.get_ctx') return fromProtobufJson(fields);
  if (method === 'kong.request.get_raw_body')
    return expect.objectContaining({ content: Buffer.from(String(fields.content)) });
  if (/get_(consumer|credential|route|service)$/.test(method)) {
    return Object.keys(fields).length === 0 ? undefined : expect.objectContaining(fields);
  }
  if (method.endsWith('get_raw_body')) return Buffer.from(String(fields.v ?? ''));
  if (fields.v !== undefined) return fields.v;
  return method === 'kong.service.set_upstream' ? false : undefined;
}

function entriesOf(struct: Record<string, unknown>): [string, unknown][] {
  return Object.entries((struct.fields ?? {}) as Record<string, unknown>).map(([name, value]) => [
    name,
    fromProtobufJson(value),
  ]);
}
