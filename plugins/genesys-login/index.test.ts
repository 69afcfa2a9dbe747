/** The module as plugin servers see it. */
import { expect, it } from 'vitest';
import type { PluginModule } from '../shared/plugin.js';
import { VERSION } from '../shared/version.js';
import * as plugin from './index.js';

it('fulfils the contract, between everything that refuses a login and the token manager', () => {
  const module: PluginModule = plugin;
  expect(module).toMatchObject({ Name: 'genesys-login', Version: VERSION });
  expect(module.Priority).toBeLessThan(890);
  expect(module.Priority).toBeGreaterThan(850);
  expect(Object.getOwnPropertyNames(module.Plugin.prototype).sort()).toEqual(['access', 'constructor']);
});

it('has a schema that survives JSON, with its secret marked', () => {
  const schema = [plugin.Schema, plugin.PluginSchema];
  expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
  const fields: Record<string, unknown> = Object.assign({}, ...plugin.Schema);
  expect(fields.signing_key).toMatchObject({ referenceable: true, encrypted: true });
});

it('refuses a bad configuration when it starts, without what it holds', () => {
  expect(() => new plugin.Plugin({ key_id: 'k1', signing_key: 'hunter2' })).toThrow(
    /^config\.signing_key is no private key in PEM without a passphrase$/,
  );
});
