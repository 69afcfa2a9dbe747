import { describe, expect, it } from 'vitest';
import { readCommand, valueNames } from './command-line.js';

const ENV = { GENESYS_ADMIN_CLIENT_ID: 'admin', GENESYS_ADMIN_CLIENT_SECRET: 'hush-hush', HOME: '/home/x' };
const CLIENT = ['new-client', '--target', 'id', '--store', 'file:/run/s/', '--metrics-url', 'http://127.0.0.1:9500'];
const CONSUMER = [
  'consumer',
  '--target',
  'svc',
  '--store',
  'file:/s',
  '--file',
  'kong.yml',
  '--gateway-url',
  'https://gw.example',
];

describe('the command line', () => {
  it('has the defaults of docs/rotation.md', () => {
    expect(readCommand([...CLIENT, '--region', 'eu-west-1'], ENV)).toMatchObject({
      kind: 'rotate',
      stateDir: '/home/x/.local/state/genesys-rotate',
      genesys: { apiUrl: 'https://api.mypurecloud.ie', tokenUrl: 'https://login.mypurecloud.ie/oauth/token' },
      store: { kind: 'file', folder: '/run/s' },
      settings: {
        graceMs: 300_000,
        soakMs: 300_000,
        quietMs: 10_000,
        pollMs: 1000,
        adoptionTimeoutMs: 600_000,
        minTokenLifeMs: 600_000,
        expiresDays: 90,
        verifyPath: '/api/v2/tokens/me',
        adminClientId: 'admin',
      },
      dryRun: false,
      abort: false,
    });
  });

  it('reads durations, stores and names', () => {
    const read = (...more: string[]) =>
      readCommand([...CLIENT, '--region', 'us_east_1', ...more], {
        ...ENV,
        VAULT_ADDR: 'https://vault.example',
        VAULT_TOKEN: 'hush-hush',
        ROTATE_WEBHOOK_KEY: 'hush-hush',
      });
    expect(read('--grace', '24h', '--soak', '7d', '--poll', '250ms')).toMatchObject({
      settings: { graceMs: 86_400_000, soakMs: 604_800_000, pollMs: 250 },
    });
    expect(read('--store', 'env:/etc/kong.env')).toMatchObject({ entries: { client_secret: 'GENESYS_CLIENT_SECRET' } });
    expect(read('--store', 'vault:kv/a/b', '--entry', 'client_id=ID')).toMatchObject({
      store: { kind: 'vault', mount: 'kv', path: 'a/b', address: 'https://vault.example/' },
      entries: { client_id: 'ID' },
    });
    expect(read('--store', 'webhook:https://hook.example/x')).toMatchObject({ store: { kind: 'webhook' } });
    expect(JSON.stringify(read('--store', 'vault:kv/a'))).not.toContain('hush');
  });

  it('knows the values of each strategy', () => {
    const names = (args: string[]) => {
      const command = readCommand(args, ENV);
      return command.kind === 'rotate' ? valueNames(command.settings) : [];
    };
    expect(names([...CLIENT, '--region', 'us_east_1'])).toEqual(['client_id', 'client_secret']);
    expect(names([...CONSUMER, '--apply', 'true'])).toEqual(['key']);
    expect(names([...CONSUMER, '--apply', 'true', '--credential', 'basic-auth'])).toEqual(['username', 'password']);
  });

  it.each([
    [['bogus'], /^bogus: one of/],
    [['new-client', 'more'], /^more: one strategy/],
    [['new-client', '--store', 'file:/s', '--target', 'x'], /^--metrics-url is missing/],
    [CLIENT, /^--region is missing/],
    [[...CLIENT, '--region', 'mars'], /mars: no such region/],
    [[...CLIENT, '--api-url', 'https://x.example'], /--api-url and --token-url/],
    [[...CLIENT, '--region', 'us_east_1', '--grace', 'soon'], /^--grace soon/],
    [[...CLIENT, '--region', 'us_east_1', '--store', 'paper:x'], /^--store paper/],
    [[...CLIENT, '--region', 'us_east_1', '--store', 'file:relative'], /absolute/],
    [[...CLIENT, '--region', 'us_east_1', '--store', 'webhook:http://far.example/'], /ROTATE_WEBHOOK_KEY|https/],
    [[...CLIENT, '--region', 'us_east_1', '--entry', 'client_id=../x'], /^--entry/],
    [[...CLIENT, '--region', 'us_east_1', '--abort', '--dry-run'], /one of them/],
    [[...CLIENT, '--watch'], /--watch belongs to security-keys/],
    [CONSUMER, /either --admin-url/],
    [[...CONSUMER, '--apply', 'x', '--credential', 'jwt'], /key-auth or basic-auth/],
  ])('refuses %j in one line', (args, message) => {
    expect(() => readCommand(args, ENV)).toThrow(message);
    expect(() => readCommand(args, ENV)).toThrow(/^(?!.*hush).*$/);
  });

  it('asks for the administrating client', () => {
    expect(() => readCommand([...CLIENT, '--region', 'us_east_1'], {})).toThrow(/^GENESYS_ADMIN_CLIENT_ID must be set/);
    expect(readCommand([...CONSUMER, '--apply', 'true'], {})).toMatchObject({ genesys: undefined });
  });
});
