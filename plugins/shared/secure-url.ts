/** URLs that secrets are sent to. Pure. */
import { ConfigError } from './kong-schema/config-error.js';
import { isLoopback } from './loopback.js';

/** Returns whether data sent to a URL cannot be read on the way. */
export function isSecureUrl(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}

/**
 * Parses a URL of a configuration.
 * @param path the field's path, for messages
 * @param instead what to use instead of credentials in the URL, as the end of a sentence
 * @throws ConfigError that names the field and contains no part of the URL
 */
export function readSecureUrl(text: string, path: string, instead = ''): URL {
  if (!URL.canParse(text)) throw new ConfigError(path, 'is not an absolute URL');
  const url = new URL(text);
  if (!isSecureUrl(url)) throw new ConfigError(path, 'must be https, or http on a loopback host');
  if (url.username !== '' || url.password !== '') throw new ConfigError(path, `must not hold credentials${instead}`);
  if (text.includes('#')) throw new ConfigError(path, 'must not hold a fragment');
  return url;
}
