import { describe, expect, it } from 'vitest';
import { readCredentials, readSettings } from './start-settings.js';

describe('readCredentials', () => {
  const all = { GENESYS_CLIENT_ID: 'id', GENESYS_CLIENT_SECRET: 'secret', GENESYS_REGION: 'eu-west-1' };

  it('takes all three, or none', () => {
    expect(readCredentials(all)).toEqual({ clientId: 'id', clientSecret: 'secret', region: 'eu_west_1' });
    expect(readCredentials({})).toBeUndefined();
    expect(readCredentials({ GENESYS_CLIENT_ID: '' })).toBeUndefined();
  });

  it('says what is missing or wrong, without the secret', () => {
    expect(() => readCredentials({ ...all, GENESYS_REGION: undefined })).toThrow(/^GENESYS_REGION must be set too/);
    expect(() => readCredentials({ ...all, GENESYS_REGION: 'mars' })).toThrow(/mars: no such region/);
    expect(() => readCredentials({ GENESYS_CLIENT_SECRET: 'hush' })).toThrow(/^(?!.*hush)/);
  });
});

describe('readSettings', () => {
  it('has the defaults of the README', () => {
    expect(readSettings([], {})).toEqual({ gateway: 'local', port: 8000, simulatorPort: 8090, config: undefined });
    expect(readSettings(['--gateway', 'kong', '--port', '0'], {})).toMatchObject({ gateway: 'kong', port: 0 });
  });

  it.each([
    [['--port', '70000'], '--port 70000'],
    [['--simulator-port', 'x'], '--simulator-port x'],
    [['--gateway', 'docker'], '--gateway docker'],
    [['--bogus'], '--bogus'],
  ])('refuses %j', (args, message) => {
    expect(() => readSettings(args, {})).toThrow(message);
  });

  it.each([
    [{ npm_config_port: '8080' }, '--port'],
    [{ npm_config_simulator_port: 'true' }, '--simulator-port'],
    [{ npm_config_config: 'kong.yml' }, '--config'],
  ])('says where an option belongs that npm took: %j', (env, option) => {
    expect(() => readSettings(['8080'], env)).toThrow(`npm took ${option} for its own option: put it behind --`);
  });
});
