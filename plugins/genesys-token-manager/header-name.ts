/** Which headers may be given to a configuration's choice. Pure. */
import { ConfigError } from '../shared/kong-schema/config-error.js';

/** HTTP token (RFC 9110 5.6.2) without the dot, which Kong's log takes as the border between two keys. */
const HEADER_NAME = /^[!#$%&'*+^_`|~0-9A-Za-z-]+$/;

/** Headers that frame or route a message; another value in them would break it. */
const UNUSABLE_HEADERS = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
]);

/**
 * Checks the name of a header that the plugin sets.
 * @throws ConfigError that names the field
 */
export function readHeaderName(path: string, name: string): string {
  if (!HEADER_NAME.test(name)) throw new ConfigError(path, 'is not a usable header name');
  if (UNUSABLE_HEADERS.has(name.toLowerCase()))
    throw new ConfigError(path, 'is a header that cannot carry a value of ours');
  return name;
}
