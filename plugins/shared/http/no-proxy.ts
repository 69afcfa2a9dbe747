/** Which hosts are reached without the proxy, in the form of the usual NO_PROXY variable. Pure. */

/**
 * Returns whether a list names a URL's host.
 * @param entries `host` (and all hosts below it), `.host` or `*.host` (the same), `*`, each also with `:port`
 */
export function isWithoutProxy(entries: readonly string[], url: URL): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return entries.some((entry) => {
    const { name, onlyPort } = parseEntry(entry.trim().toLowerCase());
    if (onlyPort !== undefined && onlyPort !== port) return false;
    return name === '*' || host === name || host.endsWith(`.${name}`);
  });
}

function parseEntry(entry: string): { name: string; onlyPort: string | undefined } {
  const [, bracketed, plain = '', onlyPort] = /^(?:\[(.*)\]|([^:]*|.*:.*:.*))(?::(\d+))?$/.exec(entry) ?? [];
  return { name: (bracketed ?? plain).replace(/^\*?\./, ''), onlyPort };
}
