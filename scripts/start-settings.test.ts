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
    expect(readSettings([])).toEqual({ gateway: 'local', port: 8000, simulatorPort: 8090 });
    expect(readSettings(['--gateway', 'kong', '--port', '0'])).toMatchObject({ gateway: 'kong', port: 0 });
  });

  it.each([
    [['--port', '70000'], '--port 70000'],
    [['--simulator-port', 'x'], '--simulator-port x'],
    [['--gateway', 'docker'], '--gateway docker'],
    [['--bogus'], '--bogus'],
  ])('refuses %j', (args, message) => {
    expect(() => readSettings(args)).toThrow(message);
  });
});
