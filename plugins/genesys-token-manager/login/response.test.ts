/** What answers of login mean, and that their reasons are fit for a log. */
import { describe, expect, it } from 'vitest';
import { classifyAnswer, type LoginResult } from './response.js';

const GOOD = { access_token: 'abc.DEF-_~+/=', token_type: 'bearer', expires_in: 86399 };

function classify(status: number, body: unknown, retryAfterMs?: number, secrets: string[] = []): LoginResult {
  return classifyAnswer(
    { status, body: typeof body === 'string' ? body : JSON.stringify(body), retryAfterMs },
    { secrets, defaultLifetimeMs: 1_800_000 },
  );
}

describe('a success', () => {
  it.each([
    'bearer',
    'Bearer',
    'BEARER',
    undefined,
    null,
    '',
    ' bearer ',
    'BearerToken',
    'Bearer Token',
    'bearer_token',
  ])('grants with token_type %s', (token_type) => {
    expect(classify(200, { ...GOOD, token_type })).toEqual({
      kind: 'granted',
      value: GOOD.access_token,
      lifetimeMs: 86_399_000,
    });
  });

  it('takes expires_in as text too', () => {
    expect(classify(200, { ...GOOD, expires_in: '60' })).toMatchObject({ lifetimeMs: 60_000 });
  });

  it.each([
    ['no token', { ...GOOD, access_token: undefined }],
    ['an empty token', { ...GOOD, access_token: '' }],
    ['a token of another type', { ...GOOD, access_token: 7 }],
    ['a line break in the token', { ...GOOD, access_token: 'a\r\nX: y' }],
    ['a space in the token', { ...GOOD, access_token: 'a b' }],
    ['a non-ASCII token', { ...GOOD, access_token: 'tökén' }],
    ['a huge token', { ...GOOD, access_token: 'x'.repeat(8_000) }],
    ['no number as lifetime', { ...GOOD, expires_in: 'soon' }],
    ['an empty lifetime', { ...GOOD, expires_in: '' }],
    ['a lifetime that is over', { ...GOOD, expires_in: 0 }],
    ['a negative lifetime', { ...GOOD, expires_in: -5 }],
    ['a lifetime of less than a second', { ...GOOD, expires_in: 0.5 }],
    ['an endless lifetime', '{"access_token":"a","expires_in":1e999}'],
    ['HTML', '<html>maintenance</html>'],
    ['null', 'null'],
    ['a list', '[]'],
    ['nothing', ''],
  ])('with %s is a trouble that may pass, and login is left alone for a second', (_, body) => {
    expect(classify(200, body)).toMatchObject({ kind: 'fault', retryable: true, retryAfterMs: 1000 });
  });

  it.each([
    ['no lifetime', { ...GOOD, expires_in: undefined }],
    ['null as lifetime', { ...GOOD, expires_in: null }],
  ])('with %s is used for the default', (_, body) => {
    expect(classify(200, body)).toMatchObject({ kind: 'granted', lifetimeMs: 1_800_000 });
  });

  it.each([
    [{ error: 'invalid_grant', error_description: 'expired authorization code' }, false],
    [{ error: 'invalid_client', error_description: 'no such client', access_token: null }, false],
    [{ error: 'invalid_request', description: 'rate limit exceeded; wait' }, true],
    [{ error: 'incorrect_client_credentials', error_description: 'The client_id is wrong.' }, true],
    [{ error: 'server_error', error_description: 'try later', access_token: '' }, true],
  ])('that holds the error %j says it in its own words', (body, retryable) => {
    const { error, ...more } = body as Record<string, unknown>;
    const description = more.error_description ?? more.description;
    const reason = `login answered 200 ${error}: ${description}`;
    expect(classify(200, body)).toMatchObject({ kind: 'fault', retryable, reason });
  });

  it.each(['mac', 'DPoP', 'N_A', 'bearers', 7, {}])('with token_type %j is a refusal that names it', (token_type) => {
    const named = typeof token_type === 'string' ? ` "${token_type}"` : '';
    const reason = `login answered 200 with a token_type${named} other than bearer`;
    expect(classify(200, { ...GOOD, token_type })).toMatchObject({ kind: 'fault', retryable: false, reason });
  });

  it('repeats no token in the reason of a refusal', () => {
    expect(classify(200, { ...GOOD, token_type: `mac ${GOOD.access_token}` })).toMatchObject({
      reason: 'login answered 200 with a token_type "mac [redacted]" other than bearer',
    });
  });

  it('with another token type is a refusal', () => {
    expect(classify(200, { ...GOOD, token_type: 'mac' })).toMatchObject({ kind: 'fault', retryable: false });
  });

  it('with a body that was too large is a trouble that may pass', () => {
    const result = classifyAnswer(
      { status: 200, body: { unread: 'over the size limit' }, retryAfterMs: undefined },
      { secrets: [], defaultLifetimeMs: 1000 },
    );
    expect(result).toMatchObject({ kind: 'fault', retryable: true });
  });
});

describe('a failure', () => {
  it.each([
    [429, {}],
    [500, {}],
    [502, '<html>'],
    [503, {}],
    [599, {}],
    [400, { error: 'invalid_request', description: 'rate limit exceeded; retry later' }],
    [400, { error: 'invalid_request', error_description: 'Rate Limit Exceeded' }],
  ])('%i %j may pass', (status, body) => {
    expect(classify(status, body, 3_000)).toMatchObject({ kind: 'fault', retryable: true, retryAfterMs: 3_000 });
  });

  it.each([
    [301, {}],
    [308, {}],
    [400, {}],
    [400, { error: 'invalid_client', description: 'rate limit exceeded' }],
    [400, { error: 'invalid_request', description: 'missing grant_type' }],
    [401, { error: 'invalid_request', description: 'rate limit exceeded' }],
    [401, { error: 'invalid_client' }],
    [403, {}],
    [404, 'not json'],
  ])('%i %j is a refusal', (status, body) => {
    expect(classify(status, body, 3_000)).toMatchObject({ kind: 'fault', retryable: false });
  });

  it('says status, error and description', () => {
    expect(classify(401, { error: 'invalid_client', description: 'client not found' })).toMatchObject({
      reason: 'login answered 401 invalid_client: client not found',
    });
  });

  it('has a reason of one bounded line without secrets', () => {
    const description = `secret s3cret\r\n[err] forged line \u001b[31m ${'x'.repeat(1_000)}`;
    const result = classify(400, { error: 'e', description, other: 'never shown' }, undefined, ['s3cret']);
    if (result.kind !== 'fault') throw new Error('granted');
    expect(result.reason).toMatch(/^[\x20-\x7e]{1,240}$/);
    expect(result.reason).toContain('[redacted] [err] forged');
    expect(result.reason).not.toContain('s3cret');
  });

  it('ignores errors that are not text', () => {
    expect(classify(400, { error: { a: 1 }, description: ['x'] })).toMatchObject({ reason: 'login answered 400' });
  });
});
