/** What the request guard reads of an ordinary request, for tests that play Kong; other variables are the test's own. */
const ORDINARY: Readonly<Record<string, string>> = { http_connection: '', upstream_uri: '/api/v2/users' };

/** Answers `kong.nginx.getVar`: the guard's reads as of an ordinary request, the rest as given. */
export function guarded<T>(getVar: (name: string) => T): (name: string) => T | Promise<string> {
  return (name) => {
    const value = ORDINARY[name];
    return value === undefined ? getVar(name) : Promise.resolve(value);
  };
}
