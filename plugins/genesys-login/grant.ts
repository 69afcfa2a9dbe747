/** The body of a token request: which grant it asks for (RFC 6749 4.4.2). Pure. */

/** What is wrong with a request, by its name in RFC 6749 5.2. */
export type GrantFault = 'invalid_request' | 'unsupported_grant_type';

/**
 * Checks the body of a token request.
 * @returns what is wrong; undefined if it asks for the client credentials grant
 */
export function grantFault(body: string): GrantFault | undefined {
  const grants = new URLSearchParams(body).getAll('grant_type');
  // RFC 6749 3.2: a parameter without a value counts as missing, and a parameter must not be repeated.
  const [grant = ''] = grants;
  if (grants.length > 1 || grant === '') return 'invalid_request';
  return grant === 'client_credentials' ? undefined : 'unsupported_grant_type';
}
