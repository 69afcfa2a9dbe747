/** Genesys Cloud's regions. An organisation is in one region, and its OAuth clients can log in only there. */

/** The domain of each region, as in Genesys' own SDK (npm purecloud-platform-client-v2 262). */
const DOMAINS = {
  us_east_1: 'mypurecloud.com',
  us_east_2: 'use2.us-gov-pure.cloud',
  us_west_2: 'usw2.pure.cloud',
  ca_central_1: 'cac1.pure.cloud',
  eu_west_1: 'mypurecloud.ie',
  eu_west_2: 'euw2.pure.cloud',
  eu_central_1: 'mypurecloud.de',
  eu_central_2: 'euc2.pure.cloud',
  mx_central_1: 'mxc1.pure.cloud',
  sa_east_1: 'sae1.pure.cloud',
  me_central_1: 'mec1.pure.cloud',
  ap_northeast_1: 'mypurecloud.jp',
  ap_northeast_2: 'apne2.pure.cloud',
  ap_northeast_3: 'apne3.pure.cloud',
  ap_south_1: 'aps1.pure.cloud',
  ap_southeast_1: 'apse1.pure.cloud',
  ap_southeast_2: 'mypurecloud.com.au',
  eusc_de_east_1: 'edee1.eusc-pure.cloud',
} as const;

/** A region's name, as in Genesys' documentation and SDKs. */
export type Region = keyof typeof DOMAINS;

/** The names of all regions. */
export const REGIONS = Object.keys(DOMAINS) as Region[];

/** A region as a configuration names it: by its name, or by its domain. */
export type RegionName = Region | (typeof DOMAINS)[Region];

/** All that a configuration may name, for the schema. */
export const REGION_NAMES: readonly RegionName[] = [...REGIONS, ...Object.values(DOMAINS)];

/** Returns the token endpoint of a region: `https://login.<domain>/oauth/token`. */
export function regionTokenUrl(region: RegionName): string {
  return `https://login.${domainOf(region)}/oauth/token`;
}

/** Returns the API host of a region: `https://api.<domain>`. */
export function regionApiUrl(region: RegionName): string {
  return `https://api.${domainOf(region)}`;
}

function domainOf(region: RegionName): string {
  return region in DOMAINS ? DOMAINS[region as Region] : region;
}

/**
 * Parses a region as people write it: its name, also with hyphens (us-east-1), or its domain (mypurecloud.com). Returns
 * undefined if there is no such region.
 */
export function parseRegion(text: string): Region | undefined {
  const written = text.trim().toLowerCase();
  return REGIONS.find((region) => region === written.replaceAll('-', '_') || DOMAINS[region] === written);
}
