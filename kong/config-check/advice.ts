/**
 * What Kong takes, and what is likely not meant: a plugin or a host that nobody knows, a reference that is none, a region
 * that does not fit to its host, an entry that replaces a wider one and loses something of it. Warnings, each by its name.
 * Pure.
 */
import { isPlainObject, type PlainObject } from '../../plugins/shared/plain-object.js';
import { parseRegion, regionApiUrl } from '../../plugins/shared/regions.js';
import { deckOnly, enterpriseOnly, routerFlavor } from './editions.js';
import { type Entity, type Fault, faultOf, nameOf, ownerOf } from './entities.js';
import { KNOWN_PLUGINS } from './kong-entities.js';
import { VAULTS } from './kong-values.js';
import { changedDefaults } from './newer-kong.js';
import { GATEWAY, isNamed, PARTS, type Part, partOf } from './parts.js';
import { isDeckVariable } from './references.js';
import { ofKind, type Rule, type RuleContext, strings } from './rules.js';
import { didYouMean } from './suggest.js';

export const ADVICE: Readonly<Record<string, Rule>> = {
  'unknown-plugin': unknownPlugin,
  'unknown-host': unknownHost,
  'unknown-authority': unknownAuthority,
  'broken-reference': brokenReference,
  'region-and-host': regionAndHost,
  'replaced-entry': replacedEntry,
  'plugin-twice': pluginTwice,
  'part-twice': partTwice,
  'lost-counts': lostCounts,
  'deck-only': deckOnly,
  'enterprise-only': enterpriseOnly,
  'router-flavor': routerFlavor,
  'changed-default': changedDefaults,
};

const ours = (name: string): boolean => name.startsWith('genesys-');
const namesOf = (entities: readonly Entity[], kind: string): string[] =>
  ofKind(entities, kind).flatMap((entity) => nameOf(entity) ?? []);
const pluginsOf = ({ entities }: RuleContext): Entity[] =>
  ofKind(entities, 'plugins').filter(({ value }) => value.enabled !== false);

/** Kong refuses a plugin that it does not have; which others are installed is not known here. */
function unknownPlugin(context: RuleContext): Fault[] {
  return pluginsOf(context).flatMap((plugin) => {
    const { name } = plugin.value;
    if (typeof name !== 'string') return [];
    if (KNOWN_PLUGINS.has(name) || ours(name) || context.variants?.has(name)) return [];
    // One that is nearly Kong's is a fault.
    if (didYouMean(name, KNOWN_PLUGINS) !== '') return [];
    return [faultOf(plugin, 'name', "is no plugin of Kong's or of this suite: Kong must have it in `plugins`")];
  });
}

/** Kong takes such a service, and no certificate of its host is then good. */
function unknownAuthority({ entities }: RuleContext): Fault[] {
  const ids = ofKind(entities, 'ca_certificates').map(({ value }) => value.id);
  return ofKind(entities, 'services').flatMap((service) => {
    const named = Array.isArray(service.value.ca_certificates) ? service.value.ca_certificates : [];
    return named.flatMap((id, index) =>
      ids.includes(id) ? [] : [faultOf(service, `ca_certificates[${index}]`, 'there is no such certificate')],
    );
  });
}

/** A database takes one entry of a plugin at a place, and a DB-less Kong runs one of them. */
function pluginTwice(context: RuleContext): Fault[] {
  const plugins = pluginsOf(context);
  const place = (plugin: Entity): string =>
    JSON.stringify([
      plugin.value.name,
      ...Object.entries({ service: 'services', route: 'routes', consumer: 'consumers' }).map(([field, kind]) => {
        const owner = ownerOf(plugin, field, kind, context.entities);
        return owner && [owner.file, ...owner.at];
      }),
    ]);
  const seen = new Map<string, Entity>();
  return plugins.flatMap((plugin) => {
    const key = place(plugin);
    const first = seen.get(key);
    seen.set(key, first ?? plugin);
    const isSameList = first?.outer === plugin.outer;
    return first === undefined || isSameList ? [] : [faultOf(plugin, '', `is at the same place as ${first.path}`)];
  });
}

/** A name without a dot is an upstream, or a name of a private network. */
function unknownHost({ entities }: RuleContext): Fault[] {
  const upstreams = namesOf(entities, 'upstreams');
  return ofKind(entities, 'services').flatMap((service) => {
    const host = hostOf(service);
    if (host === undefined || /[.:]/.test(host) || host === 'localhost' || isDeckVariable(host)) return [];
    if (upstreams.includes(host)) return [];
    return [faultOf(service, 'host', `is neither an upstream nor a public name${didYouMean(host, upstreams)}`)];
  });
}

function hostOf({ value }: Entity): string | undefined {
  if (typeof value.host === 'string') return value.host;
  return typeof value.url === 'string' && URL.canParse(value.url) ? new URL(value.url).hostname : undefined;
}

/** `$NAME` and `${NAME}` are a shell's, and a vault's reference has braces around it. */
const ALMOST = [/^\$\{?[A-Za-z_]\w*\}?$/, /^\{*\s*(?:vaults?|secret|env):\/+/i, /^\$\{\{/, /^%\(?env/i];

function brokenReference({ entities }: RuleContext): Fault[] {
  const prefixes = [...VAULTS, ...ofKind(entities, 'vaults').map(({ value }) => String(value.prefix))];
  return entities.flatMap((entity) => {
    if (!isPlainObject(entity.value.config)) return [];
    return strings(entity.value.config, 'config.').flatMap(({ path, value: text }) => {
      const [, prefix] = /^\{vault:\/\/([^/}]+)\/[^}]+\}$/.exec(text) ?? [];
      if (prefix !== undefined) {
        return prefixes.includes(prefix)
          ? []
          : [faultOf(entity, path, `refers to a vault that is not there: ${prefix}${didYouMean(prefix, prefixes)}`)];
      }
      // decK's own is not: what it does not know is left as it is.
      if (isDeckVariable(text) || !ALMOST.some((pattern) => pattern.test(text))) return [];
      return [faultOf(entity, path, 'looks like a reference that Kong does not know; it writes {vault://env/name}')];
    });
  });
}

/** A token of one region is worthless in another. */
function regionAndHost(context: RuleContext): Fault[] {
  const { entities } = context;
  const faults = pluginsOf(context).flatMap((plugin) => {
    const [prefix, settings] = partOf(plugin, 'token_manager') ?? userTokenOf(plugin) ?? [];
    if (settings === undefined) return [];
    const own = serviceOf(plugin, entities);
    const isEverywhere = own === undefined && isGlobal(plugin);
    const services = isEverywhere ? ofKind(entities, 'services') : own === undefined ? [] : [own];
    const hosts = services.flatMap((service) => targetsOf(service, entities)).map(({ host }) => host);
    const regions = Array.isArray(settings.regions) ? settings.regions : [];
    return [
      ...otherRegion(plugin, `${prefix}region`, settings.region, hosts),
      ...regions.flatMap((one: unknown, index) => regionOfPool(plugin, `${prefix}regions[${index}]`, one, entities)),
    ];
  });
  const checks = entities.flatMap((upstream) => {
    const sni = valueIn(upstream.value, 'healthchecks', 'active', 'https_sni');
    if (upstream.kind !== 'upstreams' || typeof sni !== 'string') return [];
    return hostsOf(upstream, entities)
      .filter((host) => isGenesys(host) && host !== sni)
      .map((host) =>
        faultOf(upstream, 'healthchecks.active.https_sni', `is ${sni}, and the target ${host} would be unhealthy`),
      );
  });
  return [...faults, ...checks];
}

/** A user's token goes to the service, too. */
function userTokenOf({ value: { name, config } }: Entity): [prefix: string, settings: PlainObject] | undefined {
  return isNamed(name, 'genesys-user-token') && isPlainObject(config) ? ['config.', config] : undefined;
}

/** The hosts of Genesys Cloud's that are not of a region. */
function otherRegion(plugin: Entity, field: string, text: unknown, hosts: readonly string[]): Fault[] {
  const region = typeof text === 'string' ? parseRegion(text) : undefined;
  if (region === undefined) return [];
  const wanted = new URL(regionApiUrl(region)).hostname;
  return [...new Set(hosts)]
    .filter((host) => isGenesys(host) && host !== wanted)
    .map((host) => faultOf(plugin, field, `is ${region}, whose API is ${wanted}; requests go to ${host}`));
}

/** One of several regions names its own upstream. */
function regionOfPool(plugin: Entity, field: string, pool: unknown, entities: readonly Entity[]): Fault[] {
  const name = valueIn(pool, 'upstream');
  if (typeof name !== 'string' || isDeckVariable(name)) return [];
  const upstream = entities.find(({ kind, value }) => kind === 'upstreams' && value.name === name);
  if (upstream === undefined) {
    const meant = didYouMean(name, namesOf(entities, 'upstreams'));
    return [faultOf(plugin, `${field}.upstream`, `there is no such upstream${meant}`)];
  }
  return otherRegion(plugin, `${field}.region`, valueIn(pool, 'region'), hostsOf(upstream, entities));
}

function isGlobal({ outer, value }: Entity): boolean {
  return outer === undefined && (value.service ?? value.route ?? undefined) === undefined;
}

const isGenesys = (host: string): boolean => /^api\..*(purecloud|pure\.cloud|eusc-pure)/.test(host);

function serviceOf(plugin: Entity, entities: readonly Entity[]): Entity | undefined {
  const service = ownerOf(plugin, 'service', 'services', entities);
  const route = ownerOf(plugin, 'route', 'routes', entities);
  return service ?? (route && ownerOf(route, 'service', 'services', entities));
}

function targetsOf(service: Entity, entities: readonly Entity[]): { host: string }[] {
  const host = hostOf(service);
  const upstream = entities.find((entity) => entity.kind === 'upstreams' && entity.value.name === host);
  if (upstream !== undefined) return hostsOf(upstream, entities).map((target) => ({ host: target }));
  return host === undefined ? [] : [{ host }];
}

function hostsOf(upstream: Entity, entities: readonly Entity[]): string[] {
  return entities
    .filter((target) => target.kind === 'targets' && ownerOf(target, 'upstream', 'upstreams', entities) === upstream)
    .map(({ value }) => String(value.target).replace(/:\d+$/, ''));
}

function valueIn(value: unknown, ...keys: string[]): unknown {
  return keys.reduce((at, key) => (isPlainObject(at) ? at[key] : undefined), value);
}

/** Kong runs one entry of a plugin for a request, the most specific one. */
function replacedEntry(context: RuleContext): Fault[] {
  const plugins = pluginsOf(context);
  const ofCallers = plugins.filter(isForCallers).flatMap((own) =>
    plugins
      .filter((wider) => wider.value.name === own.value.name && !isForCallers(wider))
      .filter((wider) => meet(own, wider, context.entities))
      .flatMap((wider) =>
        (Object.keys(PARTS) as Part[]).flatMap((part) => {
          const [, lost] = partOf(wider, part) ?? [];
          const [, kept = {}] = partOf(own, part) ?? [];
          return lost === undefined ? [] : lossesOf(lost, kept);
        }),
      )
      .filter((loss, index, all) => all.indexOf(loss) === index)
      .map((loss) => faultOf(own, '', `replaces the entry of routes for this consumer, and loses ${loss}`)),
  );
  return [...ofCallers, ...plugins.flatMap((own) => lostByRoute(own, plugins, context.entities))];
}

/** An entry of a route may well have other limits than its service's, but not without the limit of all. */
function lostByRoute(own: Entity, plugins: readonly Entity[], entities: readonly Entity[]): Fault[] {
  if (isForCallers(own)) return [];
  const [, kept] = partOf(own, 'quota') ?? [];
  return plugins
    .filter((wider) => wider.value.name === own.value.name && !isForCallers(wider) && isWider(wider, own))
    .filter((wider) => meet(own, wider, entities))
    .flatMap((wider) => {
      const [, lost = {}] = partOf(wider, 'quota') ?? [];
      const limits = limitsOf(lost).filter(isOfAll);
      const names = limitsOf(kept ?? {}).map((limit) => valueIn(limit, 'name'));
      return limits
        .map((limit) => valueIn(limit, 'name'))
        .filter((name) => !names.includes(name))
        .map((name) =>
          faultOf(own, '', `replaces ${wider.path} for its requests, and loses the limit ${String(name)}`),
        );
    });
}

function isWider(wider: Entity, own: Entity): boolean {
  const rank = ({ outer, value }: Entity): number => {
    if (outer?.kind === 'routes' || (value.route ?? undefined) !== undefined) return 2;
    return outer?.kind === 'services' || (value.service ?? undefined) !== undefined ? 1 : 0;
  };
  return rank(wider) < rank(own);
}

function limitsOf({ limits, concurrent }: PlainObject): unknown[] {
  return [limits, concurrent].flatMap((list) => (Array.isArray(list) ? list : []));
}

function isOfAll(limit: unknown): boolean {
  return valueIn(limit, 'by') === 'global';
}

function isForCallers({ outer, value }: Entity): boolean {
  return (
    outer?.kind === 'consumers' ||
    outer?.kind === 'consumer_groups' ||
    (value.consumer ?? value.consumer_group ?? undefined) !== undefined
  );
}

function lossesOf(lost: PlainObject, kept: PlainObject): string[] {
  const names = (settings: PlainObject): string[] => limitsOf(settings).map((limit) => String(valueIn(limit, 'name')));
  const raised = limitsOf(lost)
    .filter(isOfAll)
    .flatMap((limit) => {
      const own = limitsOf(kept).find((one) => valueIn(one, 'name') === valueIn(limit, 'name'));
      const isMore = Number(valueIn(own, 'limit')) > Number(valueIn(limit, 'limit'));
      return isMore ? [String(valueIn(limit, 'name'))] : [];
    });
  const limits = names(lost).filter((name) => !names(kept).includes(name));
  const paths = (settings: PlainObject): string[] =>
    (Array.isArray(settings.rules) ? settings.rules : []).map((rule) =>
      JSON.stringify(valueIn(rule, 'paths') ?? 'all'),
    );
  const rules = paths(lost).filter((path) => !paths(kept).includes(path) && !paths(kept).includes('"all"'));
  const region = lost.region !== undefined && kept.region !== lost.region && kept.token_url === undefined;
  return [
    ...limits.map((name) => `the limit ${name}: name the consumer in \`limits[].for\` of the route's entry instead`),
    ...raised.map((name) => `the limit ${name} of all: it has a higher number here`),
    ...rules.map((path) => `the rule for ${path}`),
    ...(region ? [`the region ${String(lost.region)}`] : []),
  ];
}

/** Both run, so a request is counted twice, or gets two tokens. */
function partTwice(context: RuleContext): Fault[] {
  const plugins = pluginsOf(context);
  return plugins
    .filter(({ value }) => isNamed(value.name, GATEWAY))
    .flatMap((gateway) =>
      (Object.keys(PARTS) as Part[])
        .filter((part) => partOf(gateway, part) !== undefined)
        .flatMap((part) =>
          plugins
            .filter(({ value }) => isNamed(value.name, PARTS[part]))
            .filter((single) => meet(single, gateway, context.entities))
            .map((single) =>
              faultOf(single, '', `is for requests that ${gateway.path} has ${part} for: both would run`),
            ),
        ),
    );
}

/** A process of the plugin server seldom lives as long as a week, and a file is of one machine. */
function lostCounts(context: RuleContext): Fault[] {
  return pluginsOf(context).flatMap((plugin) => {
    const [prefix, settings] = partOf(plugin, 'quota') ?? [];
    if (settings === undefined || (settings.policy ?? 'local') !== 'local' || !Array.isArray(settings.limits))
      return [];
    return settings.limits.flatMap((limit: unknown, index) => {
      const window = valueIn(limit, 'window');
      if (window !== 'week' && window !== 'month') return [];
      const message = `is ${window}, and policy: local begins at zero with each restart without --state-dir; policy: redis keeps the count`;
      return [faultOf(plugin, `${prefix}limits[${index}].window`, message)];
    });
  });
}

/** Returns whether a request may be of both places. */
function meet(one: Entity, other: Entity, entities: readonly Entity[]): boolean {
  const scopes = [
    ['service', 'services'],
    ['route', 'routes'],
    ['consumer', 'consumers'],
  ] as const;
  return scopes.every(([field, kind]) => {
    const of = (plugin: Entity): Entity | undefined =>
      field === 'service' ? serviceOf(plugin, entities) : ownerOf(plugin, field, kind, entities);
    const [a, b] = [of(one), of(other)];
    return a === undefined || b === undefined || a === b;
  });
}
