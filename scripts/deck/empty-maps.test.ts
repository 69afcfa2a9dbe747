import { expect, it } from 'vitest';
import { withEmptyMaps } from './empty-maps.js';

const NONE = new Map<string, string>();

it('an empty map that is a default is written down, wherever the plugin stands', () => {
  const tokenManager = { name: 'genesys-token-manager', config: { region: 'us_east_1' } };
  const filled = { ...tokenManager, config: { region: 'us_east_1', extra_params: {} } };
  const state = { services: [{ name: 's', routes: [{ plugins: [tokenManager] }] }], plugins: [tokenManager] };
  expect(withEmptyMaps(state, NONE)).toEqual({
    services: [{ name: 's', routes: [{ plugins: [filled] }] }],
    plugins: [filled],
  });
});

it('what is there stays, and so do the plugins of others', () => {
  const state = {
    plugins: [{ name: 'genesys-token-manager', config: { extra_params: { audience: 'x' } } }, { name: 'key-auth' }],
  };
  expect(withEmptyMaps(state, NONE)).toEqual(state);
});
