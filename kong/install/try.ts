/**
 * `kong-genesys-cloud try audit|filter --config FILE --route NAME < body.json`: prints what genesys-pii-log would log of a
 * body on a route, or what genesys-response-filter would let out, and why.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';

/** Says what is logged of a body under a configuration of genesys-pii-log, and why. */
export type TryAudit = (config: object, body: Buffer, contentType: string) => Promise<string>;

/** Says what leaves of a body under a configuration of genesys-response-filter, and why. */
export type TryFilter = (
  config: object,
  body: Buffer,
  asked: { method: string; path: string; status: number },
) => Promise<string>;

type Entity = Record<string, unknown>;

/** A part of the suite: the plugin that has it alone, and its record in genesys-gateway. */
const PARTS = {
  audit: { plugin: 'genesys-pii-log', record: 'pii_log' },
  filter: { plugin: 'genesys-response-filter', record: 'response_filter' },
} as const;

/**
 * Runs the command; answers with what it prints.
 * @param input the body
 * @throws Error of one line that says what is wrong
 */
export async function runTry(
  args: readonly string[],
  input: NodeJS.ReadableStream,
  { tryAudit, tryFilter }: { tryAudit: TryAudit; tryFilter: TryFilter },
): Promise<string> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      route: { type: 'string' },
      'content-type': { type: 'string', default: 'application/json' },
      method: { type: 'string', default: 'GET' },
      path: { type: 'string', default: '/' },
      status: { type: 'string', default: '200' },
    },
  });
  const what = positionals.join(' ');
  if (what !== 'audit' && what !== 'filter') throw new Error(`try ${what}: audit or filter`);
  if (values.config === undefined) throw new Error(`try ${what}: --config FILE names the kong.yml`);
  if (values.route === undefined) throw new Error(`try ${what}: --route NAME names the route`);
  const status = Number(values.status);
  if (!/^[2-5]\d\d$/.test(values.status)) throw new Error(`--status ${values.status}: 200 to 599`);
  const config = configOf(readDocument(values.config), values.route, what);
  const body = Buffer.from(await text(input));
  if (what === 'audit') return tryAudit(config, body, values['content-type']);
  return tryFilter(config, body, { method: values.method, path: values.path, status });
}

function readDocument(file: string): Entity {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch {
    throw new Error(`--config ${file}: cannot be read`);
  }
  try {
    return record(readerOfYaml()(content));
  } catch (error) {
    throw new Error(`--config ${file}: ${(error as Error).message.split('\n')[0]}`);
  }
}

/** The package brings no reader of YAML along, but a checkout has one; JSON can be read without. */
function readerOfYaml(): (content: string) => unknown {
  try {
    return (createRequire(import.meta.url)('yaml') as { parse(content: string): unknown }).parse;
  } catch {
    return (content) => JSON.parse(content);
  }
}

/** The configuration that Kong runs on a route: of a route before a service before a global one. */
export function configOf(document: Entity, route: string, what: keyof typeof PARTS): Entity {
  const { plugin: ofPlugin, record: ofGateway } = PARTS[what];
  const services = list(document.services);
  const service = services.find((each) => list(each.routes).some(isNamed(route)));
  const found = list(service?.routes).find(isNamed(route)) ?? list(document.routes).find(isNamed(route));
  if (found === undefined) throw new Error(`--route ${route}: there is no such route`);
  const ofRoute = service ?? services.find(isNamed(nameOf(found.service)));
  const plugins = list(document.plugins).filter(({ consumer }) => consumer === undefined);
  const config = [
    ...list(found.plugins),
    ...plugins.filter((plugin) => plugin.route !== undefined && isNamed(nameOf(plugin.route))(found)),
    ...list(ofRoute?.plugins),
    ...plugins.filter((plugin) => plugin.service !== undefined && ofRoute && isNamed(nameOf(plugin.service))(ofRoute)),
    ...plugins.filter((plugin) => plugin.route === undefined && plugin.service === undefined),
  ].flatMap(({ name, config }) => {
    if (typeof name !== 'string') return [];
    if (name.startsWith('genesys-gateway')) {
      const part = record(config)[ofGateway];
      return part === undefined ? [] : [record(part)];
    }
    return name.startsWith(ofPlugin) ? [record(config)] : [];
  })[0];
  if (config === undefined) throw new Error(`--route ${route}: ${ofPlugin} is not on it`);
  return config;
}

function isNamed(name: unknown): (entity: Entity) => boolean {
  return (entity) => name !== undefined && (entity.name === name || entity.id === name);
}

function nameOf(reference: unknown): unknown {
  return typeof reference === 'string' ? reference : (record(reference).name ?? record(reference).id);
}

function record(value: unknown): Entity {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Entity) : {};
}

function list(value: unknown): Entity[] {
  return Array.isArray(value) ? value.map(record) : [];
}
