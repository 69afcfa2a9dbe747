import { describe, expect, it } from 'vitest';
import { createHttp } from './http.js';
import { createReport } from './report.js';
import { testEffects } from './testing.js';
import { nextPushAtMs, readExternalTokens, watchToken } from './watch.js';

const MINUTE_MS = 60_000;

describe('the moment of the next push', () => {
  it('is 5 to 10 minutes before the end', () => {
    expect(nextPushAtMs(0, 60 * MINUTE_MS, 0)).toBe(55 * MINUTE_MS);
    expect(nextPushAtMs(0, 60 * MINUTE_MS, 1)).toBe(50 * MINUTE_MS);
  });

  it('is never in the first half of a short life', () => {
    expect(nextPushAtMs(0, 8 * MINUTE_MS, 1)).toBe(4 * MINUTE_MS);
  });
});

describe('the list of external tokens', () => {
  const entry = { secret_id: 's1', token_url: 'https://crm.example/token', client_id: 'id', client_secret: 'env:CRM' };

  it('names secrets by where they are', () => {
    expect(readExternalTokens(JSON.stringify([entry]), (reference) => `<${reference}>`)).toEqual([
      {
        secretId: 's1',
        tokenUrl: 'https://crm.example/token',
        clientId: 'id',
        clientSecret: '<env:CRM>',
        scope: undefined,
      },
    ]);
  });

  it('is refused with a secret in it, without a field, or over http', () => {
    const read = (changes: object) => () => readExternalTokens(JSON.stringify([{ ...entry, ...changes }]), () => '');
    expect(read({ client_secret: 'hush' })).toThrow(/^(?!.*hush).*not the secret itself/);
    expect(read({ secret_id: '' })).toThrow('external token 1: secret_id is missing');
    expect(read({ token_url: 'http://crm.example/' })).toThrow(/must be https/);
    expect(() => readExternalTokens('[]', () => '')).toThrow(/empty/);
    expect(() => readExternalTokens('{', () => '')).toThrow(/not JSON/);
  });
});

describe('watching a token', () => {
  /** Runs until so many pushes were made, or refused. */
  async function watch(pushes: number, push: (count: number) => Error | undefined) {
    const effects = testEffects(() => ({
      status: 200,
      body: { access_token: 'external-token-value', expires_in: 3600 },
    }));
    const startedAtMs = effects.nowMs();
    const pushedAtMs: number[] = [];
    const lines: string[] = [];
    const output = { out: (line: string) => lines.push(line), err: (line: string) => lines.push(line) };
    let count = 0;
    const api = {
      async pushSecret(_id: string, value: string, expiresAtMs: number) {
        expect(value).toBe('external-token-value');
        expect(expiresAtMs).toBeGreaterThan(effects.nowMs());
        count += 1;
        const error = push(count);
        if (error !== undefined) throw error;
        pushedAtMs.push(effects.nowMs() - startedAtMs);
      },
    };
    const token = {
      secretId: 's1',
      tokenUrl: 'https://crm.example/token',
      clientId: 'id',
      clientSecret: 'x',
      scope: 'a',
    };
    const http = createHttp(effects);
    const report = createReport(false, output, (line) => line);
    await watchToken(token, { api, http, effects, report, stopped: () => count >= pushes });
    return { pushedAtMs, lines, requests: effects.requests };
  }

  it('pushes at once, then 7.5 minutes before each hour is over', async () => {
    const { pushedAtMs, requests, lines } = await watch(3, () => undefined);
    const period = 3600_000 - 7.5 * MINUTE_MS;
    expect(pushedAtMs).toEqual([10, period + 10, 2 * period + 10]);
    expect(requests[0]?.body).toBe('grant_type=client_credentials&scope=a');
    expect(lines.join()).not.toContain('external-token-value');
  });

  it('tries again when Genesys does not take it, long before the one before is over, and says how long that lives', async () => {
    const { pushedAtMs, lines } = await watch(4, (count) =>
      count === 2 || count === 3 ? new Error('503') : undefined,
    );
    const [, second = 0] = pushedAtMs;
    expect(pushedAtMs).toHaveLength(2);
    expect(second).toBeLessThan(3600_000 - 7 * MINUTE_MS);
    expect(lines.filter((line) => line.includes('was not pushed: 503; the one before lives'))).toHaveLength(2);
  });

  it('is loud when Genesys has no valid one', async () => {
    const { lines } = await watch(1, () => new Error('403'));
    expect(lines.join('\n')).toContain('!!! the secret s1 was not pushed: 403; Genesys holds no valid one');
  });
});
