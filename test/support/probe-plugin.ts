/**
 * A plugin that does what its configuration says: a list of PDK calls a phase, by Kong's names, with arguments in
 * protobuf's JSON form (that of the recorded transcript), and some ways to go wrong. For tests of the plugin server.
 */
import type { Kong } from '../../plugins/shared/pdk.js';
import type { PluginInstance } from '../../plugins/shared/plugin.js';

export const Name = 'probe';
export const Version = '1.0.0';
export const Priority = 800;
export const Schema = [
  { access: { type: 'string' } },
  { response: { type: 'string' } },
  { log: { type: 'string' } },
  { pipelined: { type: 'boolean', default: false } },
] as const;

let hangsAtEnd = false;

/** Says that it was called; after `hang-at-end`, takes for ever. */
export async function shutdown(): Promise<void> {
  process.stderr.write('the probe was told of the end\n');
  if (hangsAtEnd) await new Promise(() => {});
}

/**
 * `[method, argument]`, or one of the ways to go wrong below, or `echo-header`, `rewrite-body`, `read-body`,
 * `log-request-headers`. */
type Step = [string, unknown];

interface Config {
  access?: string;
  response?: string;
  log?: string;
  pipelined?: boolean;
  refuse?: string;
}

export class Plugin implements PluginInstance {
  readonly #config: Config;

  constructor(config: unknown) {
    this.#config = config as Config;
    if (this.#config.refuse !== undefined) throw new Error(this.#config.refuse);
  }

  access(kong: Kong): Promise<void> {
    return this.#run(kong, this.#config.access);
  }

  response(kong: Kong): Promise<void> {
    return this.#run(kong, this.#config.response);
  }

  log(kong: Kong): Promise<void> {
    return this.#run(kong, this.#config.log);
  }

  async #run(kong: Kong, json = '[]'): Promise<void> {
    const steps = JSON.parse(json) as Step[];
    const replies: Promise<unknown>[] = [];
    for (const [name, argument] of steps) {
      const reply = name.startsWith('kong.') ? callByName(kong, name, toArguments(argument)) : act(kong, name);
      if (this.#config.pipelined) replies.push(reply);
      else await reply;
    }
    await Promise.all(replies);
  }
}

function callByName(kong: Kong, name: string, args: unknown[]): Promise<unknown> {
  const path = name.split('.').slice(1);
  const member = (path.pop() ?? '').replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const namespace = path.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], kong);
  return (namespace as Record<string, (...args: unknown[]) => Promise<unknown>>)[
    member === 'getTls1VersionStr' ? 'getTls1_versionStr' : member
  ]?.(...args) as Promise<unknown>;
}

async function act(kong: Kong, how: string): Promise<void> {
  if (how === 'echo-header')
    await kong.response.setHeader('X-Seen', (await kong.request.getHeader('x-who')) ?? 'nobody');
  if (how === 'rewrite-body') {
    const body = await kong.service.response.getRawBody();
    await kong.response.exit(200, Buffer.concat([Buffer.from('rewritten:'), body]), { 'X-Rewritten': '1' });
  }
  if (how === 'read-body')
    await kong.service.request.setHeader('X-Body-Bytes', (await kong.request.getRawBody(0)).length);
  if (how === 'log-request-headers') {
    const entry = JSON.parse(await kong.log.serialize()) as { request: { headers: unknown } };
    await kong.log.notice(`logged headers ${JSON.stringify(entry.request.headers)}`);
  }
  if (how === 'throw') throw new Error('the probe throws');
  if (how === 'throw-late') {
    await kong.node.getId();
    throw new Error('the probe throws late');
  }
  if (how === 'hang') await new Promise(() => {});
  if (how === 'hang-at-end') hangsAtEnd = true;
  if (how === 'spin') for (;;);
  if (how === 'detached-rejection') void Promise.reject(new Error('nobody waits for this'));
  if (how === 'call-after-end') setImmediate(() => void kong.log.err('too late').catch(() => {}));
}

/** Protobuf's JSON form of an argument as the arguments of our method. */
function toArguments(argument: unknown): unknown[] {
  if (argument === null || argument === undefined) return [];
  const fields = argument as Record<string, unknown>;
  if ('status' in fields) {
    return [
      fields.status,
      Buffer.from(String(fields.body), 'base64'),
      fromProtobufJson({ structValue: fields.headers }),
    ];
  }
  if ('k' in fields) return [fields.k, fromProtobufJson(fields.v)];
  if ('fields' in fields) return [fromProtobufJson({ structValue: fields })];
  if ('values' in fields) return (fields.values as unknown[]).map(fromProtobufJson);
  return [fields.v];
}

/** A value in the JSON form of google.protobuf.Value. */
export function fromProtobufJson(value: unknown): unknown {
  const [kind, content] = Object.entries(value as Record<string, unknown>)[0] ?? ['nullValue', null];
  if (kind === 'structValue') {
    const { fields } = content as { fields: Record<string, unknown> };
    return Object.fromEntries(Object.entries(fields).map(([key, item]) => [key, fromProtobufJson(item)]));
  }
  if (kind === 'listValue') return (content as { values: unknown[] }).values.map(fromProtobufJson);
  return kind === 'nullValue' ? null : content;
}
