/**
 * Whether the tokens that a configuration lets consumers have are tokens that it accepts: the plugin cannot know, since no
 * PDK call reads credentials, and a consumer without the matching one would log in and then be refused everywhere. Pure,
 * over a declarative configuration (decK, format 3.0) as parsed from YAML.
 */

import { publicPem, readPublicKey, readSigningKey } from '../../plugins/genesys-login/signing-key.js';
import { issuerOf } from '../../plugins/genesys-login/token.js';

/** Something that does not fit. */
export interface PairingFault {
  /** Where in the document, such as `consumers[svc-demo].jwt_secrets[0].algorithm`. */
  path: string;
  /** The end of a sentence about it; holds no secret. */
  message: string;
}

/** A plugin of the document, and where it stands. */
interface Placed {
  path: string;
  name: string;
  config: Entity;
  /** Names or ids; both undefined: on everything. */
  service: string | undefined;
  route: string | undefined;
}

interface Credential {
  path: string;
  value: Entity;
}

interface Consumer {
  path: string;
  username: string;
  names: readonly unknown[];
  canAuthenticate: boolean;
  groups: readonly unknown[];
  tokens: Credential[];
}

type Entity = Record<string, unknown>;

/**
 * Checks a configuration.
 * @param document the parsed document
 * @param resolveSecret the value behind a reference (`{vault://...}`, `file:...`, decK's `${{ env }}`), if the caller has
 *   it; without, the signing key is not compared, and the public keys of one key id only with each other
 * @returns every fault; nothing if the document has no genesys-login
 */
export function checkPairing(
  document: unknown,
  resolveSecret: (reference: string) => string | undefined = () => undefined,
): PairingFault[] {
  const plugins = placedPlugins(document);
  const logins = plugins.filter(({ name }) => name === 'genesys-login');
  if (logins.length === 0) return [];
  const consumers = readConsumers(document);
  return [
    ...logins.flatMap((login) => loginFaults(login, plugins, consumers, resolveSecret)),
    ...plugins.flatMap(expiryFaults),
  ];
}

function loginFaults(
  login: Placed,
  plugins: readonly Placed[],
  consumers: readonly Consumer[],
  resolveSecret: (reference: string) => string | undefined,
): PairingFault[] {
  const keyId = login.config.key_id;
  // A configuration without one is refused by the schema.
  if (typeof keyId !== 'string') return [];
  const faults: PairingFault[] = [];
  const beside = plugins.filter((plugin) => covers(plugin, login));
  if (!beside.some(({ name }) => name === 'basic-auth')) {
    faults.push({ path: login.path, message: 'has no basic-auth on its route: every login would be refused' });
  }
  const signing = signingPem(login, resolveSecret, faults);
  let known = signing === undefined ? undefined : { pem: signing, path: `${login.path}.config.signing_key` };
  for (const consumer of consumers) {
    faults.push(...strangerFaults(consumer, keyId));
    if (!consumer.canAuthenticate || !beside.every((plugin) => lets(plugin, consumer))) continue;
    if (consumer.username === '') {
      faults.push({
        path: consumer.path,
        message: 'may log in but has no username, which its token would have to name',
      });
      continue;
    }
    const key = issuerOf(consumer.username, keyId);
    const credential = consumer.tokens.find(({ value }) => value.key === key);
    if (credential === undefined) {
      const message = `lacks the credential with key "${key}" that its tokens of ${login.path} name`;
      faults.push({ path: `${consumer.path}.jwt_secrets`, message });
      continue;
    }
    if (credential.value.algorithm !== 'RS256') {
      faults.push({ path: `${credential.path}.algorithm`, message: 'must be RS256' });
    }
    const text = credential.value.rsa_public_key;
    const path = `${credential.path}.rsa_public_key`;
    if (typeof text === 'string' && isReference(text)) continue;
    const read = readPublicKey(typeof text === 'string' ? text : '');
    if (typeof read === 'string') {
      faults.push({ path, message: read });
      continue;
    }
    const pem = publicPem(read);
    known ??= { pem, path };
    if (pem !== known.pem) faults.push({ path, message: `does not match ${known.path}` });
  }
  return faults;
}

/** A token of one consumer must not make its holder another one. */
function strangerFaults({ username, tokens }: Consumer, keyId: string): PairingFault[] {
  return tokens.flatMap(({ path, value: { key } }) => {
    if (typeof key !== 'string' || !key.endsWith(`:${keyId}`) || key === issuerOf(username, keyId)) return [];
    return [{ path: `${path}.key`, message: `is the issuer of another consumer's tokens: "${key}"` }];
  });
}

/** Kong's jwt does not look at `exp` unless it is told to. */
function expiryFaults({ name, path, config }: Placed): PairingFault[] {
  if (name !== 'jwt') return [];
  const claims = config.claims_to_verify;
  if (Array.isArray(claims) && claims.includes('exp')) return [];
  return [
    { path: `${path}.config.claims_to_verify`, message: 'must hold exp: without it an expired token is accepted' },
  ];
}

/** The public half of the signing key in PEM, if the key can be read here. */
function signingPem(
  { path, config }: Placed,
  resolveSecret: (reference: string) => string | undefined,
  faults: PairingFault[],
): string | undefined {
  const written = config.signing_key;
  if (typeof written !== 'string') return undefined;
  const text = isReference(written) ? resolveSecret(written) : written;
  if (text === undefined) return undefined;
  const key = readSigningKey(text);
  if (typeof key !== 'string') return publicPem(key);
  faults.push({ path: `${path}.config.signing_key`, message: key });
  return undefined;
}

function isReference(text: string): boolean {
  return /^\s*(\{vault:|file:|\$\{\{)/.test(text);
}

/** Whether a plugin runs wherever the login does. */
function covers(plugin: Placed, { service, route }: Placed): boolean {
  if (plugin.route !== undefined) return plugin.route === route;
  return plugin.service === undefined || plugin.service === service;
}

/** Whether an acl lets a consumer through; other plugins do not tell consumers apart. */
function lets({ name, config }: Placed, { groups }: Consumer): boolean {
  if (name !== 'acl') return true;
  const among = (list: unknown): boolean => entries(list).some((group) => groups.includes(group));
  return entries(config.deny).length > 0 ? !among(config.deny) : among(config.allow);
}

function placedPlugins(document: unknown): Placed[] {
  const routesOf = (holder: unknown, path: string, service: string | undefined): Placed[] =>
    entitiesOf(holder, 'routes', path).flatMap(({ path: here, value }) => {
      const own = service ?? referred(value.service);
      return pluginsOf(value, here, own, nameOf(value) ?? here);
    });
  return [
    ...pluginsOf(document, '', undefined, undefined),
    ...entitiesOf(document, 'services', '').flatMap(({ path, value }) => {
      const service = nameOf(value) ?? path;
      return [...pluginsOf(value, path, service, undefined), ...routesOf(value, path, service)];
    }),
    ...routesOf(document, '', undefined),
  ];
}

function pluginsOf(holder: unknown, path: string, service: string | undefined, route: string | undefined): Placed[] {
  return entitiesOf(holder, 'plugins', path).flatMap(({ path: here, value }) => {
    if (typeof value.name !== 'string' || value.enabled === false) return [];
    return [
      {
        path: here,
        name: value.name,
        config: isEntity(value.config) ? value.config : {},
        service: service ?? referred(value.service),
        route: route ?? referred(value.route),
      },
    ];
  });
}

function readConsumers(document: unknown): Consumer[] {
  const consumers = entitiesOf(document, 'consumers', '').map(
    ({ path, value }): Consumer => ({
      path,
      username: typeof value.username === 'string' ? value.username : '',
      names: [value.username, value.id].filter((name) => name !== undefined),
      canAuthenticate: entitiesOf(value, 'basicauth_credentials', path).length > 0,
      groups: entitiesOf(value, 'acls', path).map(({ value }) => value.group),
      tokens: entitiesOf(value, 'jwt_secrets', path),
    }),
  );
  // What stands beside the consumers refers to them by name or id.
  const owned = (kind: string, consumer: Consumer): Credential[] =>
    entitiesOf(document, kind, '').filter(({ value }) => consumer.names.includes(referred(value.consumer)));
  return consumers.map((consumer) => ({
    ...consumer,
    canAuthenticate: consumer.canAuthenticate || owned('basicauth_credentials', consumer).length > 0,
    groups: [...consumer.groups, ...owned('acls', consumer).map(({ value }) => value.group)],
    tokens: [...consumer.tokens, ...owned('jwt_secrets', consumer)],
  }));
}

/** The members of a list of entities, each with its path: by name where it has one, as the local gateway writes it. */
function entitiesOf(holder: unknown, kind: string, path: string): Credential[] {
  const list = isEntity(holder) ? entries(holder[kind]) : [];
  return list.flatMap((value, index) => {
    if (!isEntity(value)) return [];
    const label = value.name ?? value.username;
    const here = `${kind}[${kind === 'basicauth_credentials' || typeof label !== 'string' ? index : label}]`;
    return [{ path: path === '' ? here : `${path}.${here}`, value }];
  });
}

/** An entity's name or id. */
function nameOf({ name, id, username }: Entity): string | undefined {
  return [name, username, id].find((value) => typeof value === 'string') as string | undefined;
}

function referred(reference: unknown): string | undefined {
  if (typeof reference === 'string') return reference;
  return isEntity(reference) ? nameOf(reference) : undefined;
}

function entries(list: unknown): unknown[] {
  return Array.isArray(list) ? list : [];
}

function isEntity(value: unknown): value is Entity {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
