/** What may be told of an error that a request failed with. Pure. */

import { property } from './property.js';

/** ECONNREFUSED, ENOTFOUND, CERT_HAS_EXPIRED, ...: the code only, since messages of node-fetch hold the URL. */
export function errorCode(error: unknown): string {
  const code = property(error, 'code') ?? property(error, 'type') ?? property(error, 'name');
  return typeof code === 'string' && /^[\w-]{1,64}$/.test(code) ? code : 'unknown error';
}
