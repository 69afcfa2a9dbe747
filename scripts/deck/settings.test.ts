import { expect, it } from 'vitest';
import { deckEnvironment, readSettings } from './settings.js';

const OWN = { mode: 'sync', konnect: undefined } as const;
const ONLINE = { DECK_KONG_ADDR: 'https://kong.example:8444' };

it('a stage is enough: its overlay, our tag, few deletions', () => {
  expect(readSettings(['--stage', 'prod'], 'kong')).toMatchObject({
    mode: 'sync',
    state: 'kong/kong.yml',
    overlays: ['kong/stages/prod.yml'],
    selectTag: 'kong-genesys-cloud',
    maxDeletions: 5,
    approvedDeletions: 0,
  });
});

it.each([
  [[], /--stage/],
  [['--stage', 'moon'], /--stage moon: one of dev, staging, prod/],
  [['--stage', 'dev', '--mode', 'reset'], /--mode reset: one of/],
  [['--stage', 'dev', '--max-deletions', 'all'], /--max-deletions all: a number/],
  [['--stage', 'dev', '--select-tag', 'a b'], /--select-tag/],
  [['--stage', 'dev', '--konnect', ''], /--konnect/],
])('%j is refused', (args, reason) => {
  expect(() => readSettings(args, 'kong')).toThrow(reason);
});

it("decK gets its own variables and the way to the gateway, nothing else of the environment, and nobody's decK file", () => {
  const env = {
    ...ONLINE,
    PATH: '/bin',
    HTTPS_PROXY: 'http://p',
    AWS_SECRET: 'x',
    DECK_KONNECT_TOKEN: 'x',
    DECK_BIN: 'x',
    HOME: '/root',
  };
  expect(deckEnvironment(env, '/empty', OWN)).toEqual({
    ...ONLINE,
    PATH: '/bin',
    HTTPS_PROXY: 'http://p',
    HOME: '/empty',
  });
});

const KONNECT = { mode: 'sync', konnect: 'genesys' } as const;

it("Konnect is spoken to if it is named, and gets nothing that is for an Admin API of one's own", () => {
  expect(readSettings(['--stage', 'dev', '--konnect', 'genesys'], 'kong').konnect).toBe('genesys');
  const env = { ...ONLINE, DECK_HEADERS: 'Kong-Admin-Token:x', DECK_KONNECT_TOKEN: 't', DECK_DEV_KEY: 'k' };
  expect(deckEnvironment(env, '/empty', KONNECT)).toEqual({
    DECK_KONNECT_TOKEN: 't',
    DECK_KONNECT_CONTROL_PLANE_NAME: 'genesys',
    DECK_DEV_KEY: 'k',
    HOME: '/empty',
  });
});

it.each([
  [{}, /DECK_KONNECT_TOKEN/],
  [{ DECK_KONNECT_TOKEN: 't', DECK_KONNECT_ADDR: 'eu' }, /is no URL/],
  [{ DECK_KONNECT_TOKEN: 't', DECK_KONNECT_ADDR: 'http://eu.example' }, /is not https/],
])('%j is refused for Konnect', (env, reason) => {
  expect(() => deckEnvironment(env, '/empty', KONNECT)).toThrow(reason);
  expect(() => deckEnvironment(env, '/empty', { ...KONNECT, mode: 'check' })).not.toThrow();
});

it.each([
  [{}, /DECK_KONG_ADDR is not set/],
  [{ DECK_KONG_ADDR: 'kong.example' }, /DECK_KONG_ADDR is no URL/],
  [{ DECK_KONG_ADDR: 'http://kong.example', DECK_HEADERS: 'a:b' }, /is not https/],
  [{ DECK_KONG_ADDR: 'http://u:p@kong.example' }, /is not https/],
  [{ ...ONLINE, DECK_TLS_SKIP_VERIFY: 'true' }, /DECK_TLS_SKIP_VERIFY/],
])('%j is refused for a gateway', (env, reason) => {
  expect(() => deckEnvironment(env, '/empty', OWN)).toThrow(reason);
  expect(() => deckEnvironment(env, '/empty', { ...OWN, mode: 'check' })).not.toThrow();
});
