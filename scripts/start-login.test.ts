import { afterAll, beforeAll, expect, it } from 'vitest';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../kong/testbed/genesys-cloud/index.js';
import { loginOnce } from './start-login.js';

let genesys: GenesysCloud;
beforeAll(async () => {
  genesys = await startGenesysCloud({ port: 0 });
});
afterAll(() => genesys.close());

it('logs in once, and says for how long', async () => {
  const said = await loginOnce(genesys.tokenUrl, { ...DEFAULT_CLIENT, region: 'us_east_1' });
  expect(said).toMatch(/^login at 127\.0\.0\.1:\d+: a token for \d+ min, in \d+ ms$/);
  expect(genesys.control.requests({ kind: 'login' })).toHaveLength(1);
});

it('says why not, without the secret', async () => {
  const wrong = { clientId: DEFAULT_CLIENT.clientId, clientSecret: 'a-wrong-secret', region: 'us_east_1' as const };
  const said = await loginOnce(genesys.tokenUrl, wrong).catch((error: Error) => error.message);
  expect(said).toMatch(/^login at 127\.0\.0\.1:\d+ failed: .*invalid_client/);
  expect(said).not.toContain('a-wrong-secret');
  await expect(loginOnce('http://127.0.0.1:9/', wrong)).rejects.toThrow('login at 127.0.0.1:9 failed: ');
});
