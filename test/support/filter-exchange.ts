/** A parsed configuration of genesys-response-filter, and an exchange for it to judge. */
import { type Config, readConfig } from '../../plugins/genesys-response-filter/config.js';
import { type Head, judgeHead, type Verdict } from '../../plugins/genesys-response-filter/verdict.js';

/** The service's answer, and what was asked. */
export interface Exchange extends Head {
  body: Buffer;
}

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

/** Judges head and body. */
export async function judge({ body, ...head }: Exchange, config: Config): Promise<Verdict> {
  const judged = judgeHead(head, config);
  return judged.kind === 'undecided' ? judged.judge(body.length > judged.maxBytes ? undefined : body) : judged;
}
