/** The plugins of this repository, as far as their configuration can be checked without a gateway: the one list. */

import * as genesysGateway from '../../plugins/genesys-gateway/index.js';
import { readConfig as readLoginConfig } from '../../plugins/genesys-login/config.js';
import * as login from '../../plugins/genesys-login/index.js';
import { readConfig as readPiiLogConfig } from '../../plugins/genesys-pii-log/config.js';
import * as piiLog from '../../plugins/genesys-pii-log/index.js';
import { readConfig as readQuotaConfig } from '../../plugins/genesys-quota/config.js';
import * as quota from '../../plugins/genesys-quota/index.js';
import { readConfig as readFilterConfig } from '../../plugins/genesys-response-filter/config.js';
import * as responseFilter from '../../plugins/genesys-response-filter/index.js';
import { readConfig as readTokenManagerConfig } from '../../plugins/genesys-token-manager/config.js';
import * as tokenManager from '../../plugins/genesys-token-manager/index.js';
import * as userToken from '../../plugins/genesys-user-token/index.js';
import type { Host } from '../../plugins/shared/host.js';
import type { Fields } from '../../plugins/shared/kong-schema/field.js';
import type { MetricFamily, PluginModule } from '../../plugins/shared/plugin.js';
import { describePlugin } from '../plugin-server/dump.js';

/** A plugin's two checks: Kong's schema, and what the plugin itself refuses when an instance starts; and what its page tells. */
export interface SuitePlugin {
  name: string;
  /** Of the plugin entity, `config` among them. */
  fields: Fields;
  metrics: readonly MetricFamily[];
  /** Kong runs higher ones first. */
  priority: number;
  version: string;
  /** @throws ConfigError */
  readConfig(raw: unknown, host: Host): unknown;
}

const MODULES: readonly [PluginModule, SuitePlugin['readConfig']][] = [
  [genesysGateway, genesysGateway.readConfig],
  [login, readLoginConfig],
  [piiLog, readPiiLogConfig],
  [quota, readQuotaConfig],
  [responseFilter, readFilterConfig],
  [tokenManager, readTokenManagerConfig],
  [userToken, userToken.readConfig],
];

export const SUITE: readonly SuitePlugin[] = MODULES.map(([module, readConfig]) => ({
  name: module.Name,
  fields: schemaOf(module),
  get metrics() {
    const running = module.start?.() ?? module;
    return (running.parts ?? [running]).flatMap(({ metrics = [] }) => metrics);
  },
  priority: module.Priority,
  version: module.Version,
  readConfig,
}));

/** What this suite's plugins are named, those to come too. */
const SUITE_PREFIX = 'genesys-';

/**
 * The plugin behind a name of a configuration.
 * @param variants names that were given by `--name`, and the plugin that has them; a name that begins with a plugin's and
 *   a hyphen needs no entry
 * @returns `foreign` for other people's plugins, `unknown` for a name of ours that no plugin has
 */
export function suitePlugin(
  name: string,
  variants: ReadonlyMap<string, string> = new Map(),
): SuitePlugin | 'foreign' | 'unknown' {
  const target = variants.get(name) ?? name;
  const [plugin] = SUITE.filter((one) => target === one.name || target.startsWith(`${one.name}-`)).sort(
    (a, b) => b.name.length - a.name.length,
  );
  return plugin ?? (target.startsWith(SUITE_PREFIX) ? 'unknown' : 'foreign');
}

/** Reads `NAME=PLUGIN`. @throws Error of one line */
export function readVariants(texts: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    texts.map((text): [string, string] => {
      const [name = '', plugin = '', ...rest] = text.split('=');
      if (name === '' || plugin === '' || rest.length > 0) throw new Error(`--variant ${text}: NAME=PLUGIN`);
      return [name, plugin];
    }),
  );
}

/** As Kong reads it from the plugin server, so that nothing is checked that Kong does not know. */
function schemaOf(module: PluginModule): Fields {
  return describePlugin(module, module.Name, '').Plugins[0].Schema.fields;
}
