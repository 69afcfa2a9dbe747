/** Which headers a configuration may set. Pure. */
import { ConfigError } from '../shared/kong-schema/config-error.js';

/** Headers that frame or route a message. Another value would break the message. */
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
  if (UNUSABLE_HEADERS.has(name.toLowerCase()))
    throw new ConfigError(path, 'is a header that cannot carry a value of ours');
  return name;
}
