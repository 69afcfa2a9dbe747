/** URLs that secrets are sent to. Pure. */
import { ConfigError } from './kong-schema/config-error.js';
import { isLoopback } from './loopback.js';

/** Whether nobody on the way can read what is sent there. */
export function isSecureUrl(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}

/**
 * Reads the URL of a configuration.
 * @param path of the field, for messages
 * @param instead of credentials in the URL, the end of a sentence about them
 * @throws ConfigError that names the field and holds no part of the URL
 */
export function readSecureUrl(text: string, path: string, instead = ''): URL {
  if (!URL.canParse(text)) throw new ConfigError(path, 'is not an absolute URL');
  const url = new URL(text);
  if (!isSecureUrl(url)) throw new ConfigError(path, 'must be https, or http on a loopback host');
  if (url.username !== '' || url.password !== '') throw new ConfigError(path, `must not hold credentials${instead}`);
  if (text.includes('#')) throw new ConfigError(path, 'must not hold a fragment');
  return url;
}
