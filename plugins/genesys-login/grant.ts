/** The body of a token request: which grant it asks for (RFC 6749 4.4.2). Pure. */

/** What is wrong with a request, by its name in RFC 6749 5.2. */
export type GrantFault = 'invalid_request' | 'unsupported_grant_type';

/**
 * Reads the body.
 * @returns what is wrong with it; undefined if it asks for client credentials
 */
export function grantFault(body: string): GrantFault | undefined {
  const grants = new URLSearchParams(body).getAll('grant_type');
  // RFC 6749 3.2: a parameter without a value is as one left out, and none may stand there twice.
  const [grant = ''] = grants;
  if (grants.length > 1 || grant === '') return 'invalid_request';
  return grant === 'client_credentials' ? undefined : 'unsupported_grant_type';
}
