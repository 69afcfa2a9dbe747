import { describe, expect, it } from 'vitest';
import { createHttp, HttpError, NoAnswerError, secureUrl } from './http.js';
import { testEffects } from './testing.js';

const URL_WITH_SECRET = 'https://api.example.com/v2/x?token=hush';

/** Answers one after the other, the last one for ever. */
function answers(...list: (Parameters<typeof testEffects>[0] extends (r: never) => infer A ? A : never)[]) {
  let count = 0;
  return testEffects(() => list[Math.min(count++, list.length - 1)] ?? new Error('none'));
}

describe('a call', () => {
  it('is repeated after 429 and 5xx, not before Retry-After', async () => {
    const effects = answers(
      { status: 429, headers: { 'retry-after': '7' } },
      { status: 503 },
      { status: 200, body: { a: 1 } },
    );
    const http = createHttp(effects);
    expect(await http.call({ method: 'GET', url: URL_WITH_SECRET })).toEqual({ a: 1 });
    expect(effects.slept).toEqual([7200, 400]);
    expect(http.figures).toEqual({ latencies: [10, 10, 10], retries: 2 });
  });

  it('is repeated for the login throttling of Genesys, which is a 400', async () => {
    const effects = answers(
      { status: 400, body: { description: 'rate limit exceeded; wait' } },
      { status: 200, body: {} },
    );
    await createHttp(effects).call({ method: 'POST', url: URL_WITH_SECRET });
    expect(effects.requests).toHaveLength(2);
  });

  it('that must not be made twice is not repeated when it may have been done', async () => {
    for (const answer of [{ status: 502 }, new Error('ECONNRESET')]) {
      const effects = answers(answer);
      const call = createHttp(effects).call({ method: 'POST', url: URL_WITH_SECRET, repeatable: false });
      await expect(call).rejects.toThrow(answer instanceof Error ? NoAnswerError : HttpError);
      expect(effects.requests).toHaveLength(1);
    }
    const throttled = answers({ status: 429 }, { status: 200, body: {} });
    await createHttp(throttled).call({ method: 'POST', url: URL_WITH_SECRET, repeatable: false });
    expect(throttled.requests).toHaveLength(2);
  });

  it('fails with the status and the code, and tells neither query nor body', async () => {
    const effects = answers({ status: 403, body: { code: 'missing.permission', message: 'hush' } });
    const failed = createHttp(effects).call({ method: 'GET', url: URL_WITH_SECRET, body: { secret: 'hush' } });
    await expect(failed).rejects.toThrow(/^GET api\.example\.com\/v2\/x answered 403 missing\.permission$/);
  });

  it('ends: six attempts', async () => {
    const effects = answers({ status: 500 });
    await expect(createHttp(effects).call({ method: 'GET', url: URL_WITH_SECRET })).rejects.toThrow(/500/);
    expect(effects.requests).toHaveLength(6);
  });
});

it('secrets go to https, or to this machine', () => {
  for (const url of ['https://x.example', 'http://127.0.0.1:1/', 'http://localhost/']) {
    expect(secureUrl(url, '--x').href).toContain('/');
  }
  for (const url of ['http://x.example', 'https://u:p@x.example', 'x', 'file:///etc/passwd']) {
    expect(() => secureUrl(url, '--x')).toThrow(/^--x/);
  }
});
