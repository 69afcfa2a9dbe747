/** Checks of tokens at a simulated Genesys Cloud, over real sockets; only the time is played. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../../kong/testbed/genesys-cloud/index.js';
import { APP_CLIENT, login, loginUser } from '../../../kong/testbed/genesys-cloud/testing.js';
import { realClock } from '../../shared/clock.js';
import { loadFetch } from '../../shared/http/small-fetch.js';
import { type CheckPolicy, createTokenChecker, type TokenChecker } from './checker.js';

const POLICY: CheckPolicy = { cacheMs: 60_000, timeoutMs: 5000, refusedPerAddress: 30, refusedInTotal: 600 };
const ADDRESS = '192.0.2.1';
/** Checks of unknown tokens that run at once, and so may be over a limit. */
const AT_ONCE = 64;

let genesys: GenesysCloud;
let checker: TokenChecker;
let laterMs: number;
let results: string[];

beforeEach(async () => {
  genesys = await startGenesysCloud({ users: 3, clients: [DEFAULT_CLIENT, APP_CLIENT], rateLimitPerMinute: 0 });
  laterMs = 0;
  results = [];
  const egress = { key: '', loadAgent: async () => undefined };
  checker = createTokenChecker(
    { origin: genesys.url, egress },
    {
      ...realClock,
      nowMs: () => performance.now() + laterMs,
      loadFetch,
      countCheck: (result) => results.push(result),
    },
  );
});
afterEach(() => genesys.close());

const check = (token: string, { address = ADDRESS, ...policy }: Partial<CheckPolicy & { address: string }> = {}) =>
  checker.check(token, address, { ...POLICY, ...policy });
const randomToken = (): string => randomBytes(48).toString('base64url');
const asked = (): number => genesys.control.counts().apiRequests;

describe("a user's token", () => {
  it('is checked once for a thousand requests, and then known', async () => {
    const token = await loginUser(genesys);
    const all = await Promise.all(Array.from({ length: 1000 }, () => check(token)));
    expect(new Set(all).size).toBe(1);
    expect(all[0]).toMatchObject({
      kind: 'owner',
      owner: { clientId: APP_CLIENT.clientId, userId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    expect(genesys.control.counts().byPath).toEqual({ 'GET /api/v2/tokens/me': 1, 'GET /api/v2/users/me': 1 });
    // Known: no promise.
    expect(check(token)).toBe(all[0]);
    expect([asked(), results, checker.size]).toEqual([2, ['owner'], 1]);
  });

  it('is checked again when its time is over', async () => {
    const token = await loginUser(genesys);
    await check(token);
    genesys.control.revokeTokens();
    laterMs += 59_000;
    expect(check(token)).toMatchObject({ kind: 'owner' });
    laterMs += 1_000;
    expect(await check(token)).toEqual({ kind: 'refused', why: 'invalid' });
    expect(checker.size).toBe(0);
  });

  it('is checked again after it was forgotten, also while it is checked', async () => {
    const token = await loginUser(genesys);
    await check(token);
    checker.forget(token);
    const late = check(token);
    checker.forget(token);
    expect(await late).toMatchObject({ kind: 'owner' });
    genesys.control.revokeTokens();
    expect(await check(token)).toMatchObject({ kind: 'refused' });
  });

  it('is known with those of its groups that count', async () => {
    const token = await loginUser(genesys);
    expect(await check(token)).toMatchObject({ owner: { groupIds: new Set() } });
    const users = await fetch(`${genesys.url}/api/v2/users/me?expand=groups`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const { groups } = (await users.json()) as { groups: { id: string }[] };
    checker.watchGroups([groups[0]?.id ?? '', 'another']);
    expect(await check(token)).toMatchObject({ owner: { groupIds: new Set([groups[0]?.id]) } });
  });

  it('is no token of an OAuth client', async () => {
    const token = await login(genesys);
    expect(await check(token)).toEqual({ kind: 'refused', why: 'userless' });
    expect(await check(token)).toEqual({ kind: 'refused', why: 'userless' });
    expect(asked()).toBe(2);
  });
});

describe('unknown tokens', () => {
  it('are checked once in their time', async () => {
    const token = randomToken();
    const all = await Promise.all(Array.from({ length: 1000 }, () => check(token)));
    expect(new Set(all.map((one) => JSON.stringify(one)))).toEqual(new Set(['{"kind":"refused","why":"invalid"}']));
    await check(token);
    expect(asked()).toBe(1);
    laterMs += 60_000;
    await check(token);
    expect(asked()).toBe(2);
  });

  it('are refused unchecked after too many, for their address alone', { timeout: 60_000 }, async () => {
    const known = await loginUser(genesys);
    await check(known);
    const before = asked();
    let limited = 0;
    // As many as keep the garbage of the test itself small.
    for (let round = 0; round < 100; round += 1) {
      const all = await Promise.all(Array.from({ length: 1000 }, () => check(randomToken())));
      limited += all.filter(({ kind }) => kind === 'limited').length;
    }
    expect(asked() - before).toBeLessThanOrEqual(POLICY.refusedPerAddress + AT_ONCE);
    expect(limited).toBeGreaterThanOrEqual(100_000 - POLICY.refusedPerAddress - AT_ONCE);
    expect(check(known)).toMatchObject({ kind: 'owner' });
    const result = await check(randomToken());
    expect(result).toMatchObject({ kind: 'limited', retryAfterMs: expect.any(Number) });
    // Elsewhere, and for a user who comes in later.
    expect(await check(randomToken(), { address: '192.0.2.2' })).toMatchObject({ kind: 'refused' });
    expect(await check(await loginUser(genesys), { address: '192.0.2.2' })).toMatchObject({ kind: 'owner' });
    // It was known, so the limit is not about it.
    laterMs += 5_000;
    expect(await check(known, { cacheMs: 5_000 })).toMatchObject({ kind: 'owner' });
    expect(genesys.control.counts().byPath['GET /api/v2/users/me']).toBe(3);
    laterMs += 55_000;
    expect(await check(randomToken())).toMatchObject({ kind: 'refused' });
  });

  it('are limited in total too', async () => {
    const limits = { refusedInTotal: 5 };
    for (let i = 0; i < 5; i += 1) await check(randomToken(), { ...limits, address: `192.0.2.${i}` });
    expect(await check(randomToken(), { ...limits, address: '192.0.2.99' })).toMatchObject({ kind: 'limited' });
    expect(asked()).toBe(5);
  });
});

describe('while Genesys is away', () => {
  it('known tokens are known until their time is over, and unknown ones fail', async () => {
    const [known, unknown] = [await loginUser(genesys), await loginUser(genesys)];
    await check(known);
    genesys.control.setFault('api', { status: 503 });
    expect(check(known)).toMatchObject({ kind: 'owner' });
    expect(await check(unknown)).toMatchObject({ kind: 'failed', retryAfterMs: expect.any(Number) });
    expect(checker.takeNotice()).toBe('tokens of users cannot be checked: Genesys answered 503');
    expect(checker.takeNotice()).toBeUndefined();
    laterMs += 60_000;
    expect(await check(known)).toMatchObject({ kind: 'failed' });
    genesys.control.clearFaults();
    // What was known is not counted as refused, nor lost.
    expect(await check(known)).toMatchObject({ kind: 'owner' });
    expect(await check(unknown)).toMatchObject({ kind: 'owner' });
  });

  it('it is asked a few times only', async () => {
    genesys.control.setFault('api', { status: 500 });
    for (let i = 0; i < 50; i += 1) expect(await check(randomToken())).toMatchObject({ kind: 'failed' });
    expect(asked()).toBe(5);
    genesys.control.clearFaults();
    laterMs += 1000;
    expect(await check(await loginUser(genesys))).toMatchObject({ kind: 'owner' });
  });

  it.each([
    ['does not answer', { hang: true }, 'Genesys did not answer within 100 ms'],
    ['drops the connection', { drop: true }, 'Genesys could not be reached (ECONNRESET)'],
    ['answers no JSON', { status: 200, body: 'nothing' }, 'Genesys answered with a body that is not JSON'],
    ['answers something else', { status: 200, body: '{}' }, 'Genesys says no organisation or OAuth client of a token'],
  ])('and %s, a check fails', async (_, fault, reason) => {
    genesys.control.setFault('api', fault);
    const timeoutMs = 'hang' in fault ? 100 : POLICY.timeoutMs;
    expect(await check(randomToken(), { timeoutMs })).toMatchObject({ kind: 'failed' });
    expect(checker.takeNotice()).toBe(`tokens of users cannot be checked: ${reason}`);
  });
});

it('says when Genesys limits a token, and does not ask meanwhile', async () => {
  const token = await loginUser(genesys);
  genesys.control.setRateLimit(1);
  await fetch(`${genesys.url}/api/v2/users/me`, { headers: { authorization: `Bearer ${token}` } });
  const result = await check(token);
  expect(result).toMatchObject({ kind: 'busy' });
  laterMs += 10_000;
  expect(await check(token)).toMatchObject({ kind: 'busy' });
  expect(genesys.control.counts().rateLimited).toBe(1);
  genesys.control.resetRateLimits();
  genesys.control.setRateLimit(0);
  laterMs += 60_000;
  expect(await check(token)).toMatchObject({ kind: 'owner' });
});
