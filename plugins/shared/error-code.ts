/** What may be revealed of an error that a request failed with. Pure. */

import { property } from './property.js';

/** Returns only the code, such as ECONNREFUSED or CERT_HAS_EXPIRED, because messages of node-fetch contain the URL. */
export function errorCode(error: unknown): string {
  const code = property(error, 'code') ?? property(error, 'type') ?? property(error, 'name');
  return typeof code === 'string' && /^[\w-]{1,64}$/.test(code) ? code : 'unknown error';
}
