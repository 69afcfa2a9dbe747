/** What is said of configurations whose logins and credentials do not fit. */

import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { developmentConfig, developmentEnv } from '../testbed/development-config.js';
import { checkPairing } from './login-pairing.js';

const pair = () =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
const { publicKey, privateKey } = pair();
const other = pair();

type Entity = Record<string, unknown>;

const jwtSecret = (key: string, changes: Entity = {}): Entity => ({
  key,
  algorithm: 'RS256',
  rsa_public_key: publicKey,
  ...changes,
});
const consumer = (username: string, changes: Entity = {}): Entity => ({
  username,
  basicauth_credentials: [{ username: `${username}-id`, password: 'x' }],
  jwt_secrets: [jwtSecret(`${username}:k1`)],
  ...changes,
});
const document = (consumers: Entity[], changes: { plugins?: Entity[]; key?: string; rest?: Entity } = {}): Entity => ({
  services: [
    {
      name: 'login',
      routes: [
        {
          name: 'login',
          plugins: [
            { name: 'basic-auth' },
            { name: 'genesys-login', config: { key_id: 'k1', signing_key: changes.key ?? '{vault://env/key}' } },
            ...(changes.plugins ?? []),
          ],
        },
      ],
    },
  ],
  consumers,
  ...changes.rest,
});
const lines = (value: unknown, resolve?: () => string) =>
  checkPairing(value, resolve).map(({ path, message }) => `${path} ${message}`);
const LOGIN = 'services[login].routes[login].plugins[genesys-login]';

it('nothing, of a configuration that fits, or has no login, or is none', () => {
  expect(lines(document([consumer('a'), consumer('b'), { username: 'refused' }]), () => privateKey)).toEqual([]);
  expect(lines({ consumers: [{ username: 'a', basicauth_credentials: [{}] }] })).toEqual([]);
  for (const value of [undefined, null, 'text', [], { services: 'x', consumers: [null] }])
    expect(lines(value)).toEqual([]);
});

it('a consumer that may log in lacks its credential', () => {
  const expected = `consumers[a].jwt_secrets lacks the credential with key "a:k1" that its tokens of ${LOGIN} name`;
  expect(lines(document([consumer('a', { jwt_secrets: [jwtSecret('a:k0')] })]))).toEqual([expected]);
  expect(lines(document([consumer('a', { jwt_secrets: undefined })]))).toEqual([expected]);
});

it('a consumer has no user name', () => {
  const nameless = { custom_id: '7', basicauth_credentials: [{ username: 'x', password: 'y' }] };
  expect(lines(document([nameless]))).toEqual([
    'consumers[0] may log in but has no username, which its token would have to name',
  ]);
});

it.each<[string, Entity, string]>([
  ['another algorithm', { algorithm: 'HS256' }, 'algorithm must be RS256'],
  ['no key', { rsa_public_key: undefined }, 'rsa_public_key is no public key in PEM'],
  [
    'a private key',
    { rsa_public_key: privateKey },
    'rsa_public_key is a private key: whoever reads it could sign tokens',
  ],
  ['the wrong key', { rsa_public_key: other.publicKey }, `rsa_public_key does not match ${LOGIN}.config.signing_key`],
])('a credential has %s', (_, changes, message) => {
  const faulty = consumer('a', { jwt_secrets: [jwtSecret('a:k1', changes)] });
  expect(lines(document([faulty]), () => privateKey)).toEqual([`consumers[a].jwt_secrets[0].${message}`]);
});

it('two credentials of one key id differ, where the signing key cannot be read', () => {
  const faulty = consumer('b', { jwt_secrets: [jwtSecret('b:k1', { rsa_public_key: other.publicKey })] });
  expect(lines(document([consumer('a'), faulty]))).toEqual([
    'consumers[b].jwt_secrets[0].rsa_public_key does not match consumers[a].jwt_secrets[0].rsa_public_key',
  ]);
});

it('a signing key in the document is none', () => {
  expect(lines(document([consumer('a')], { key: 'hunter2' }))).toEqual([
    `${LOGIN}.config.signing_key is no private key in PEM without a passphrase`,
  ]);
});

it('a credential makes one consumer of the tokens of another', () => {
  const thief = { username: 'thief', jwt_secrets: [jwtSecret('a:k1')] };
  expect(lines(document([consumer('a'), thief]))).toEqual([
    'consumers[thief].jwt_secrets[0].key is the issuer of another consumer\'s tokens: "a:k1"',
  ]);
});

it('only those whom the acl of the route lets through need a credential', () => {
  const none = { jwt_secrets: undefined };
  const consumers = [consumer('tool', { acls: [{ group: 'tools' }] }), consumer('other', none)];
  expect(lines(document(consumers, { plugins: [{ name: 'acl', config: { allow: ['tools'] } }] }))).toEqual([]);
  const denied = [consumer('a'), consumer('other', { ...none, acls: [{ group: 'out' }] })];
  expect(lines(document(denied, { plugins: [{ name: 'acl', config: { deny: ['out'] } }] }))).toEqual([]);
  expect(lines(document(consumers))).toHaveLength(1);
});

it('credentials and plugins may stand beside what they belong to', () => {
  const flat = {
    routes: [{ name: 'login' }],
    plugins: [
      { name: 'basic-auth', route: 'login' },
      { name: 'genesys-login', route: { name: 'login' }, config: { key_id: 'k1', signing_key: 'file:/x' } },
      { name: 'acl', route: 'elsewhere', config: { allow: ['nobody'] } },
    ],
    consumers: [{ username: 'a' }, { username: 'b', id: 'id-of-b' }],
    basicauth_credentials: [
      { consumer: 'a', username: 'x', password: 'y' },
      { consumer: { id: 'id-of-b' }, username: 'z', password: 'y' },
    ],
    jwt_secrets: [jwtSecret('a:k1', { consumer: { username: 'a' } })],
  };
  expect(lines(flat)).toEqual([
    'consumers[b].jwt_secrets lacks the credential with key "b:k1" that its tokens of plugins[genesys-login] name',
  ]);
});

it('a login route has no basic-auth, and a jwt takes expired tokens', () => {
  const value = document([consumer('a')], {
    rest: { plugins: [{ name: 'jwt', config: { claims_to_verify: ['nbf'] } }] },
  });
  const [service] = value.services as { routes: { plugins: unknown[] }[] }[];
  service?.routes[0]?.plugins.shift();
  expect(lines(value)).toEqual([
    `${LOGIN} has no basic-auth on its route: every login would be refused`,
    'plugins[jwt].config.claims_to_verify must hold exp: without it an expired token is accepted',
  ]);
});

it('the shipped configuration pairs logins with credentials', () => {
  const config = developmentConfig({ kind: 'region', region: 'us_east_1' });
  const resolve = (): string | undefined => developmentEnv().GENESYS_LOGIN_SIGNING_KEY;
  expect(checkPairing(config, resolve)).toEqual([]);
});
