/** What a 429 says about its limit. */
import { describe, expect, it } from 'vitest';
import { limitScope } from './genesys-limit.js';

describe('limitScope', () => {
  it.each([
    [{ limit: { key: 'client.credentials.token.rate.per.minute', namespace: 'platform.api', value: 300 } }, 'token'],
    [{ limit: { key: 'token.rate.per.minute', namespace: 'platform.api', value: 300 } }, 'token'],
    [{ limit: { key: 'org.app.user.rate.per.minute', namespace: 'platform.api' } }, 'organization'],
    [{ limit: { key: 'queues.get.max', namespace: 'assignment' } }, 'organization'],
    [{ limit: { key: 'tokenizer.max', namespace: 'x' } }, 'organization'],
    [{ limit: { key: '', namespace: 'x' } }, undefined],
    [{ limit: { key: 7 } }, undefined],
    [{ limit: null }, undefined],
    [{ message: 'no limit' }, undefined],
    [[], undefined],
  ])('%j', (body, scope) => {
    expect(limitScope(JSON.stringify(body))).toBe(scope);
  });

  it('of what is no JSON is not known', () => {
    expect(limitScope('<html>')).toBeUndefined();
  });
});
