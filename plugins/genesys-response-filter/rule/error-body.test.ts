/** What of an error answer leaves. */
import { expect, it } from 'vitest';
import { reduceError } from './error-body.js';

const reduced = (body: unknown): string => String(reduceError(Buffer.from(JSON.stringify(body))));

it('lets the fields of an error body through as they are', () => {
  const body = {
    message: 'Rate limit exceeded',
    code: 'too.many.requests.retry.after',
    status: 429,
    contextId: 'c-1',
    details: [{ errorCode: 'e', fieldName: 'f' }],
    errors: [{ message: 'm', code: 'c', status: 400, contextId: 'c-2', details: [] }],
    limit: { key: 'token.rate.per.minute', namespace: 'platform.api', value: 300 },
  };
  expect(reduced(body)).toBe(JSON.stringify(body));
});

it.each([
  ['other fields', { message: 'm', user: { email: 'secret' }, stack: 'secret' }, { message: 'm' }],
  [
    'objects and lists in scalar fields',
    { message: { a: 'secret' }, code: ['secret'], status: null },
    { status: null },
  ],
  [
    'other details',
    { details: [{ errorCode: 'e', entityName: 'secret', x: 1, fieldName: {} }, 'secret'] },
    { details: [{ errorCode: 'e' }] },
  ],
  ['other fields of a limit', { limit: { key: 'k', user: 'secret', value: { a: 'secret' } } }, { limit: { key: 'k' } }],
  ['a limit that is no object', { limit: ['secret'] }, {}],
  ['details that are no list', { details: { a: 'secret' }, errors: 'secret' }, {}],
  ['names and parameters', { entityName: 'secret', messageParams: { a: 'secret' }, entityId: 'i' }, { entityId: 'i' }],
  [
    'errors in errors',
    { errors: [{ message: 'm', errors: [{ message: 'secret' }], x: 1 }] },
    { errors: [{ message: 'm' }] },
  ],
  ['all of another shape', { error: 'invalid_client', description: 'secret' }, {}],
  ['in a list too', [{ message: 'm', x: 'secret' }, 'secret'], [{ message: 'm' }]],
  ['text', 'secret', null],
])('leaves out %s', (_, body, expected) => {
  expect(reduced(body)).toBe(JSON.stringify(expected));
});

it('refuses what is not JSON, or not UTF-8', () => {
  expect(() => reduceError(Buffer.from('<html>'))).toThrow('not JSON at byte 0');
  expect(() => reduceError(Buffer.from('{"message":"ä"}', 'latin1'))).toThrow('not UTF-8');
});
