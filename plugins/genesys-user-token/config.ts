/** Turns Kong's raw configuration into what the plugin works with. Every mistake is refused here. */
import type { Host } from '../shared/host.js';
import { readEgress } from '../shared/http/egress.js';
import { ConfigError } from '../shared/kong-schema/config-error.js';
import { parseConfig } from '../shared/kong-schema/parse-config.js';
import { regionApiUrl } from '../shared/regions.js';
import { readSecureUrl } from '../shared/secure-url.js';
import type { GenesysApi } from './checks/ask-genesys.js';
import type { CheckPolicy } from './checks/checker.js';
import type { Admission } from './consumers.js';
import { EntityChecks, type RawConfig, Schema } from './schema.js';

export interface Config {
  api: GenesysApi;
  admission: Admission;
  policy: CheckPolicy;
}

/**
 * Parses the configuration of an instance. Reads the file of authorities, if it names one.
 * @param raw the configuration as Kong sends it, with references resolved and keys of Kong's own
 * @throws ConfigError that names the field and contains no secret
 */
export function readConfig(raw: unknown, host: Host): Config {
  const config = parseConfig(Schema, raw, EntityChecks);
  return {
    api: readApi(config, host),
    admission: {
      organizationIds: new Set(config.organizations.map((id) => id.toLowerCase())),
      rules: config.consumers.map((rule) => ({
        consumer: rule.consumer,
        clientId: rule.client_id?.toLowerCase(),
        userId: rule.user_id?.toLowerCase(),
        groupId: rule.group_id?.toLowerCase(),
      })),
    },
    policy: {
      cacheMs: config.cache_seconds * 1000,
      timeoutMs: config.timeout_ms,
      refusedPerAddress: config.refused_per_address,
      refusedInTotal: config.refused_in_total,
    },
  };
}

function readApi(config: RawConfig, host: Host): GenesysApi {
  const { region, api_url: apiUrl } = config;
  const url = readSecureUrl(apiUrl ?? (region === undefined ? '' : regionApiUrl(region)), 'api_url');
  if (url.pathname !== '/' || url.search !== '') throw new ConfigError('api_url', 'must have no path and no query');
  return { origin: url.origin, egress: readEgress(config, url, host, 'an api_url') };
}
