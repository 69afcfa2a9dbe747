/**
 * What decK, Kong's Enterprise edition or another router takes, and a Kong as it comes refuses: a warning, since the check
 * does not know for which of them a file is. Pure.
 */
import { isPlainObject } from '../../plugins/shared/plain-object.js';
import { type Fault, faultOf } from './entities.js';
import { ENTERPRISE_PLUGINS } from './kong-entities.js';
import { isEnterprise } from './newer-kong.js';
import type { RuleContext } from './rules.js';

const DECK_KEYS = ['_info', '_konnect', '_workspace', '_plugin_configs'];
const ENTERPRISE_KINDS = [
  ...[
    'consumer_groups',
    'consumer_group_plugins',
    'consumer_group_consumers',
    'partials',
    'custom_entities',
    'licenses',
  ],
  ...['rbac_roles', 'rbac_role_endpoints', 'degraphql_routes', 'graphql_ratelimiting_cost_decorations', 'workspaces'],
  ...['service_packages', 'document_objects', 'jwt_signers', 'mtls_auth_credentials'],
];
/** Fields by the kind that has them. */
const ENTERPRISE_FIELDS: Readonly<Record<string, readonly string[]>> = {
  plugins: ['consumer_group', 'ordering', 'condition', 'partials'],
  consumers: ['groups', 'mtls_auth_credentials'],
  services: ['graphql_ratelimiting_cost_decorations', 'degraphql_routes', 'document'],
};
const SCOPES = ['service', 'route', 'consumer', 'upstream'];

/** A Kong without a database reads the file itself. */
export function deckOnly({ documents = [], entities }: RuleContext): Fault[] {
  const message = 'is for decK: a Kong that reads the file itself refuses it';
  const keys = documents.flatMap(({ file, value }) =>
    DECK_KEYS.filter((key) => value[key] !== undefined).map((key) => ({ file, at: [key], path: key, message })),
  );
  const fields = entities.flatMap((entity) => {
    const shared = entity.kind === 'plugins' && entity.value._config !== undefined ? ['_config'] : [];
    const named = SCOPES.filter((field) => {
      const { [field]: reference } = entity.value;
      return isPlainObject(reference) && reference.id === undefined && reference.name !== undefined;
    });
    return [...shared, ...named].map((field) => faultOf(entity, field, message));
  });
  return [...keys, ...fields];
}

/** Kinds, fields, plugins and vaults that Kong's open source does not have. */
export function enterpriseOnly({ documents = [], entities, kong }: RuleContext): Fault[] {
  if (isEnterprise(kong)) return [];
  const message = "is for Kong's Enterprise edition: its open source refuses it";
  const kinds = documents.flatMap(({ file, value }) =>
    ENTERPRISE_KINDS.filter((key) => value[key] !== undefined).map((key) => ({ file, at: [key], path: key, message })),
  );
  const fields = entities.flatMap((entity) => {
    const own = (ENTERPRISE_FIELDS[entity.kind] ?? []).filter((field) => entity.value[field] !== undefined);
    const isPlugin = entity.kind === 'plugins' && ENTERPRISE_PLUGINS.has(String(entity.value.name));
    const isVault = entity.kind === 'vaults' && entity.value.name !== 'env';
    return [...own, ...(isPlugin || isVault ? ['name'] : [])].map((field) => faultOf(entity, field, message));
  });
  return [...kinds, ...fields];
}

/** Kong's own router knows no expressions. */
export function routerFlavor({ entities }: RuleContext): Fault[] {
  return entities
    .filter(({ kind }) => kind === 'routes')
    .flatMap((route) =>
      ['expression', 'priority']
        .filter((field) => route.value[field] !== undefined)
        .map((field) => faultOf(route, field, 'needs `router_flavor = expressions` in kong.conf')),
    );
}
