/** Which grant a body asks for. */
import { expect, it } from 'vitest';
import { grantFault } from './grant.js';

it.each([
  ['grant_type=client_credentials', undefined],
  ['scope=a+b&grant_type=client%5Fcredentials', undefined],
  ['', 'invalid_request'],
  ['grant_type=', 'invalid_request'],
  ['grant_type=client_credentials&grant_type=password', 'invalid_request'],
  ['{"grant_type":"client_credentials"}', 'invalid_request'],
  ['grant_type=Client_Credentials', 'unsupported_grant_type'],
  ['grant_type=refresh_token&refresh_token=x', 'unsupported_grant_type'],
])('%j: %s', (body, fault) => {
  expect(grantFault(body)).toBe(fault);
});
