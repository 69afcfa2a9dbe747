import { expect, it } from 'vitest';
import { redact, secretsOfEnvironment, secretsOfState } from './redact.js';

it("decK's variables are secrets, but for those that say where the gateway is", () => {
  const env = {
    DECK_PROD_KEY: 'hunter2',
    DECK_HEADERS: 'Kong-Admin-Token: abcdef',
    DECK_KONG_ADDR: 'https://ci:letmein@kong.example:8444',
    DECK_CA_CERT_FILE: '/etc/ca.pem',
    PATH: '/usr/bin',
  };
  const text = 'hunter2 abcdef ci:letmein@kong.example /etc/ca.pem /usr/bin';
  expect(redact(text, secretsOfEnvironment(env))).toBe('*** *** ci:***@kong.example /etc/ca.pem /usr/bin');
});

it('literal secrets of a state are known by their fields; references are none', () => {
  const state = {
    consumers: [{ username: 'c', keyauth_credentials: [{ key: 'hunter2' }] }],
    plugins: [{ config: { client_secret: '{vault://env/x}', redis: { password: 'letmein' }, key_names: ['apikey'] } }],
  };
  expect(secretsOfState(state)).toEqual(['hunter2', 'letmein']);
});

it('the longer of two secrets goes first', () => {
  expect(redact('abcdefgh', ['abcd', 'abcdefgh'])).toBe('***');
});

it('a secret is found as JSON spells it', () => {
  const secret = 'a"b\\c&d';
  expect(redact(`${JSON.stringify({ x: secret })} "a\\"b\\\\c\\u0026d"`, [secret])).toBe('{"x":"***"} "***"');
});

it('what Kong and decK quote of an entity is left out, known or not', () => {
  expect(redact(`UNIQUE violation detected on '{key="hunter2"}'`, [])).toBe(
    `UNIQUE violation detected on '{key="***"}'`,
  );
  expect(redact('error: object={"key":"k","secret":"hunter2"}, err=algorithm is required', [])).toBe(
    'error: object=***, err=algorithm is required',
  );
  expect(redact('Create key-auth nter2 for consumer svc failed', [])).toBe(
    'Create key-auth *** for consumer svc failed',
  );
  expect(redact('proxy http://u:hunter2@proxy:3128 failed', [])).toBe('proxy http://u:***@proxy:3128 failed');
});

it('a message of a schema stays as it is', () => {
  const message = 'HTTP status 400 (message: "schema violation (config.minute: value must be greater than 0)")';
  expect(redact(message, ['', 'a'])).toBe(message);
});
