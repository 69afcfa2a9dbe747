/** What the corpus says of Kong is what Kong does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { unless } from '../../kong/testbed/unless.js';
import { CORPUS } from '../support/check-corpus.js';
import { type Gateway, KONG_ONLY, startGateway } from './gateway.js';

describe('Kong', unless(KONG_ONLY), () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({ config: { _format_version: '3.0' }, plugins: PLUGINS });
  });
  afterAll(() => gateway?.close());

  it.each(CORPUS)('$kong $what', async ({ kong, yaml }) => {
    const response = await fetch(`${gateway.native?.adminUrl}/config`, {
      method: 'POST',
      body: JSON.stringify({ config: yaml }),
      headers: { 'Content-Type': 'application/json' },
    });
    const answer = await response.text();
    expect(response.status === 201 ? 'takes' : 'refuses', answer).toBe(kong);
  });
});
