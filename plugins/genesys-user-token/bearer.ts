/** Reads the token of an Authorization header. Pure. */

/** RFC 6750 2.1, for one token. What joins two header lines is not among the characters. */
const BEARER = /^bearer +([\w\-.~+/]{1,4096}=*)$/i;

/** Returns the token; undefined if there is none, or more than one. @param authorization all lines, as nginx joins them */
export function bearerToken(authorization: string): string | undefined {
  return BEARER.exec(authorization)?.[1];
}
