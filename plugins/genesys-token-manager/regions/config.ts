/** The configuration of regions: what each one is, and when another region than the primary serves. */
import type { Host } from '../../shared/host.js';
import { ConfigError } from '../../shared/kong-schema/config-error.js';
import { parseConfig } from '../../shared/kong-schema/parse-config.js';
import { regionTokenUrl } from '../../shared/regions.js';
import { openSecret, type Secret } from '../../shared/secret.js';
import { readHeaderName } from '../header-name.js';
import { openClientSecret } from '../login/assertion.js';
import type { AuthMethod, ClientSource } from '../login/client.js';
import { FAILOVER_FIELDS, type RawConfig } from '../schema.js';
import type { FailoverPolicy } from './states.js';

/** An organisation, with everything that belongs only to it. */
export interface Region {
  name: string;
  /** The name of Kong's upstream. */
  upstream: string;
  sources: ClientSource[];
}

/** The regions, and when another one than the first serves. */
export interface Failover {
  regions: Region[];
  policy: FailoverPolicy;
  /** Methods that may go to other regions than the primary. */
  methods: ReadonlySet<string>;
  /** The header that names the region to the client. Undefined means none. */
  responseHeader: string | undefined;
}

/** Makes the sources of an OAuth client's tokens. `path` is the field of the token endpoint. */
type MakeSources = (tokenUrl: string, path: string, id: Secret, secret: Secret) => ClientSource[];

/**
 * Reads the regions. Mixed-up regions would send one organisation's token to another, so any sign of that is refused.
 * @throws ConfigError that names the field and contains no secret
 */
export function readFailover(
  config: RawConfig,
  raw: NonNullable<RawConfig['regions']>,
  host: Host,
  makeSources: MakeSources,
): Failover {
  if (config.circuit_breaker !== undefined) {
    throw new ConfigError(
      'circuit_breaker',
      'cannot stand beside regions: failover counts the failures of each of them',
    );
  }
  const regions = raw.map((region, index): Region => {
    const path = `regions[${index}]`;
    const { name, upstream } = region;
    return {
      name,
      upstream,
      sources: makeSources(...loginOf(region, path), ...clientOf(region, path, config.auth_method, host)),
    };
  });
  refuseTwice(regions, 'name', ({ name }) => name, 'is that of an earlier region');
  refuseTwice(
    regions,
    'upstream',
    ({ upstream }) => upstream,
    'is that of an earlier region: it would mix their tokens',
  );
  refuseTwice(regions, 'client_id', clientIdentity, 'is that of an earlier region with the same login');
  return { regions, ...readPolicy(config) };
}

function loginOf(
  { region, token_url: tokenUrl }: NonNullable<RawConfig['regions']>[number],
  path: string,
): [tokenUrl: string, path: string] {
  return region === undefined ? [tokenUrl ?? '', `${path}.token_url`] : [regionTokenUrl(region), `${path}.region`];
}

function clientOf(
  client: NonNullable<RawConfig['regions']>[number],
  path: string,
  authMethod: AuthMethod,
  host: Host,
): [id: Secret, secret: Secret] {
  return [
    openSecret(`${path}.client_id`, client.client_id, host),
    openClientSecret(`${path}.client_secret`, client.client_secret, authMethod, host),
  ];
}

function clientIdentity({ sources }: Region): string {
  const client = sources[0]?.current();
  return `${client?.tokenUrl} ${client?.clientId}`;
}

function refuseTwice(regions: Region[], field: string, of: (region: Region) => string, problem: string): void {
  const values = regions.map(of);
  const twice = values.findIndex((value, index) => values.indexOf(value) !== index);
  if (twice !== -1) throw new ConfigError(`regions[${twice}].${field}`, problem);
}

function readPolicy(config: RawConfig): Omit<Failover, 'regions'> {
  const failover = config.failover ?? parseConfig(FAILOVER_FIELDS, {});
  const header = failover.response_header;
  return {
    policy: {
      failures: failover.failures,
      windowMs: failover.window_seconds * 1000,
      probeAfterMs: failover.probe_after_seconds * 1000,
    },
    methods: new Set(failover.methods),
    responseHeader: header === undefined ? undefined : readHeaderName('failover.response_header', header),
  };
}
