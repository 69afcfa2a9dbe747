/**
 * What a newer Kong refuses or reads in another way than Kong 3.9 (`check --kong 3.14`). From Kong's documents (breaking
 * changes, and the guide from 3.10 to 3.14): none of these Kongs was run. Pure.
 */
import { isPlainObject } from '../../plugins/shared/plain-object.js';
import { isBelow, isUnsupportedKong, KONG_WANTED, versionNumbers } from '../kong-version.js';
import { type Entity, type Fault, faultOf } from './entities.js';
import { KNOWN_PLUGINS } from './kong-entities.js';
import { leaves, ofKind, type RuleContext, strings, VERIFYING } from './rules.js';

/** Each has a default of its own for `hide_credentials`, which 3.14 changed. */
const HIDING = new Set(
  `basic-auth hmac-auth key-auth key-auth-enc ldap-auth ldap-auth-advanced oauth2 oauth2-introspection openid-connect
  vault-auth`.split(/\s+/),
);
const ENCRYPTED = new Set(['https', 'tls', 'grpcs', 'wss']);
/** What Lua in a configuration reaches the network with. */
const NETWORK = /\bngx\.socket\b|\bresty\.(?:http|redis|mysql|memcached)\b/;

/** @throws Error of one line for what is no version, or one that the plugins do not work with */
export function readKongVersion(text: string): number[] {
  if (!/^\d+\.\d+(\.\d+){0,2}$/.test(text)) throw new Error(`--kong ${text}: a version such as 3.14`);
  const version = versionNumbers(text);
  if (isUnsupportedKong(version)) throw new Error(`--kong ${text}: the plugins need ${KONG_WANTED}`);
  return version;
}

/** Returns whether a Kong is of the Enterprise edition: its open source has no releases after 3.9. */
export function isEnterprise(kong: readonly number[] | undefined): boolean {
  return kong !== undefined && !isBelow(kong, [3, 10]);
}

/** Finds what a newer Kong refuses. */
export function refusedByNewer(entities: readonly Entity[], kong: readonly number[] | undefined): Fault[] {
  if (kong === undefined) return [];
  const wasm = isBelow(kong, [3, 11]) ? [] : ofKind(entities, 'filter_chains');
  const unverified = isBelow(kong, [3, 14]) ? [] : [...unverifiedServices(entities), ...unverifiedPlugins(entities)];
  return [...wasm.map((chain) => faultOf(chain, '', 'Kong has no Wasm filters since 3.11')), ...unverified];
}

const REFUSED = 'Kong 3.14 refuses false here, unless kong.conf says `tls_certificate_verify = off`';

function unverifiedServices(entities: readonly Entity[]): Fault[] {
  return ofKind(entities, 'services')
    .filter(({ value }) => value.tls_verify === false && isEncrypted(value))
    .map((service) => faultOf(service, 'tls_verify', REFUSED));
}

function isEncrypted({ protocol, url }: Entity['value']): boolean {
  const ofUrl = typeof url === 'string' ? /^(\w+):/.exec(url)?.[1] : undefined;
  return ENCRYPTED.has(String(ofUrl ?? protocol).toLowerCase());
}

/** Of Kong's own plugins: which fields of others it looks at is not known. */
function unverifiedPlugins(entities: readonly Entity[]): Fault[] {
  return ofKind(entities, 'plugins')
    .filter(({ value }) => KNOWN_PLUGINS.has(String(value.name)) && isPlainObject(value.config))
    .flatMap((plugin) =>
      leaves(plugin.value.config, 'config.')
        .filter(({ name, value }) => VERIFYING.test(name) && value === false)
        .map(({ path }) => faultOf(plugin, path, REFUSED)),
    );
}

/** Defaults that 3.14 changed: a configuration that names the value works alike before and after an upgrade. */
export function changedDefaults({ entities, kong }: RuleContext): Fault[] {
  if (kong === undefined || isBelow(kong, [3, 14])) return [];
  const routes = ofKind(entities, 'routes')
    .filter(({ value }) => (value.protocols ?? undefined) === undefined)
    .map((route) =>
      faultOf(route, 'protocols', 'is missing: Kong 3.14 then takes https alone, and answers 426 to http'),
    );
  const plugins = ofKind(entities, 'plugins').flatMap((plugin) => {
    const { name } = plugin.value;
    const config = isPlainObject(plugin.value.config) ? plugin.value.config : {};
    if (HIDING.has(String(name)) && (config.hide_credentials ?? undefined) === undefined) {
      const message = 'is missing: Kong 3.14 then hides the credential from the service, as true does';
      return [faultOf(plugin, 'config.hide_credentials', message)];
    }
    if (name !== 'pre-function' && name !== 'post-function') return [];
    return strings(config, 'config.')
      .filter(({ value }) => NETWORK.test(value))
      .map(({ path }) =>
        faultOf(plugin, path, 'uses the network, which Kong 3.14 does not let Lua do (`untrusted_lua = strict`)'),
      );
  });
  return [...routes, ...plugins];
}
