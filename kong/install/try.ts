/**
 * `kong-genesys-cloud try audit --config FILE --route NAME < body.json`: prints what genesys-pii-log would log of a body on
 * a route, and why each value is shown or masked.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';

/** Says what is logged of a body under a configuration of genesys-pii-log, and why. */
export type TryAudit = (config: object, body: Buffer, contentType: string) => Promise<string>;

type Entity = Record<string, unknown>;

/**
 * Runs the command; answers with what it prints.
 * @param input the body
 * @throws Error of one line that says what is wrong
 */
export async function runTry(
  args: readonly string[],
  input: NodeJS.ReadableStream,
  tryAudit: TryAudit,
): Promise<string> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      route: { type: 'string' },
      'content-type': { type: 'string', default: 'application/json' },
    },
  });
  if (positionals.join(' ') !== 'audit') throw new Error(`try ${positionals.join(' ')}: audit`);
  if (values.config === undefined) throw new Error('try audit: --config FILE names the kong.yml');
  if (values.route === undefined) throw new Error('try audit: --route NAME names the route');
  const config = auditConfigOf(readDocument(values.config), values.route);
  return tryAudit(config, Buffer.from(await text(input)), values['content-type']);
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
export function auditConfigOf(document: Entity, route: string): Entity {
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
    if (name === 'genesys-gateway') return record(config).pii_log === undefined ? [] : [record(record(config).pii_log)];
    return typeof name === 'string' && /^genesys-pii-log/.test(name) ? [record(config)] : [];
  })[0];
  if (config === undefined) throw new Error(`--route ${route}: genesys-pii-log is not on it`);
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
