/** Hybrid mode: the control plane knows the plugins' schemas, the data plane runs them, and goes on without it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { type KongHybrid, startKongHybrid } from '../support/kong-hybrid.js';
import { KONG_WITH_POSTGRES_MISSING as MISSING } from '../support/kong-with-postgres.js';

describe('hybrid mode', unless(MISSING), () => {
  let genesys: GenesysCloud;
  let kong: KongHybrid;

  beforeAll(async () => {
    genesys = await startGenesysCloud({ rateLimitPerMinute: 0 });
    kong = await startKongHybrid(PLUGINS, {
      GENESYS_CLIENT_ID: DEFAULT_CLIENT.clientId,
      GENESYS_CLIENT_SECRET: DEFAULT_CLIENT.clientSecret,
    });
  }, 180_000);
  afterAll(async () => {
    await kong?.stop();
    await genesys?.close();
  }, 60_000);

  async function admin(path: string, body: unknown): Promise<number> {
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${kong.adminUrl}${path}`, init);
    await response.arrayBuffer();
    return response.status;
  }

  /** The fields of the users in a page, or the status of a refusal. */
  async function fields(): Promise<string[] | number> {
    const response = await fetch(`${kong.url}/api/v2/users`).catch(() => undefined);
    if (response?.status !== 200) return response?.status ?? 0;
    const { entities } = (await response.json()) as { entities: Record<string, unknown>[] };
    return [...new Set(entities.flatMap((entity) => Object.keys(entity)))].sort();
  }
  const served = async (): Promise<boolean> => Array.isArray(await fields());

  it("the control plane refuses what a plugin's schema refuses, and answers GET /", async () => {
    expect(await admin('/plugins', { name: 'genesys-token-manager', config: { max_attempts: 'many' } })).toBe(400);
    expect((await fetch(kong.adminUrl)).status).toBe(200);
  });

  it('the data plane injects a token and filters, with secrets that it alone has', async () => {
    expect(await admin('/services', { name: 'genesys', url: genesys.url })).toBe(201);
    expect(await admin('/services/genesys/routes', { name: 'api', paths: ['/api/v2'], strip_path: false })).toBe(201);
    const token = {
      token_url: genesys.tokenUrl,
      client_id: '{vault://env/genesys-client-id}',
      client_secret: '{vault://env/genesys-client-secret}',
    };
    const filter = { rules: [{ keep: ['id', 'name'] }] };
    // First, since each change goes to the data plane by itself: with a token, requests are served.
    expect(await admin('/routes/api/plugins', { name: 'genesys-response-filter', config: filter })).toBe(201);
    expect(await admin('/routes/api/plugins', { name: 'genesys-token-manager', config: token })).toBe(201);
    await waitFor('the data plane to follow', served, 60_000);
    expect(await fields()).toEqual(['id', 'name']);
    expect(genesys.control.counts()).toMatchObject({ unauthorized: 0, tokenRequests: 1 });
  }, 90_000);

  it('the data plane goes on without the control plane, even started anew', async () => {
    await kong.controlPlane.stop();
    await expect(fetch(kong.adminUrl)).rejects.toThrow();
    expect(await fields()).toEqual(['id', 'name']);
    await kong.dataPlane.stop();
    expect(await fields()).toBe(0);
    await kong.dataPlane.start();
    await waitFor('the data plane', served, 60_000);
    expect(await fields()).toEqual(['id', 'name']);
    expect(genesys.control.counts().unauthorized).toBe(0);
  }, 120_000);
});
