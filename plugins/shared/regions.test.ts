import { expect, it } from 'vitest';
import { parseRegion, REGION_NAMES, REGIONS, regionApiUrl, regionTokenUrl } from './regions.js';

it('reads regions as people write them', () => {
  for (const region of REGIONS) {
    expect(parseRegion(region)).toBe(region);
    expect(parseRegion(new URL(regionApiUrl(region)).host.replace('api.', ''))).toBe(region);
  }
  expect(parseRegion(' US-East-1 ')).toBe('us_east_1');
  expect(parseRegion('mypurecloud.ie')).toBe('eu_west_1');
  expect(parseRegion('mars')).toBeUndefined();
});

it('keeps login and API of a region in one domain', () => {
  expect(regionApiUrl('eu_central_1')).toBe('https://api.mypurecloud.de');
  expect(regionTokenUrl('eu_central_1')).toBe('https://login.mypurecloud.de/oauth/token');
  expect(regionTokenUrl('mypurecloud.de')).toBe('https://login.mypurecloud.de/oauth/token');
  expect(REGION_NAMES.map(regionApiUrl)).toEqual([...REGIONS, ...REGIONS].map(regionApiUrl));
});
