/** A parsed configuration of genesys-response-filter, and an exchange for it to judge. */
import { type Config, readConfig } from '../../plugins/genesys-response-filter/config.js';
import type { Exchange } from '../../plugins/genesys-response-filter/verdict.js';

export function filterConfig(overrides: Record<string, unknown> = {}): Config {
  return readConfig({ rules: [{ keep: ['id'] }], ...overrides });
}

/** A page of one user, with more in it than `id`. */
export function exchange({
  body = '{"id":1,"email":"secret"}',
  ...overrides
}: Partial<Omit<Exchange, 'body'>> & { body?: string | Buffer } = {}): Exchange {
  return {
    method: 'GET',
    uri: '/api/v2/users?pageSize=1',
    status: 200,
    headers: { 'content-type': ['application/json'] },
    body: Buffer.from(body as string),
    ...overrides,
  };
}
