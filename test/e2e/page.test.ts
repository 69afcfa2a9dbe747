/**
 * The page on the operator's port, as it is in production, in a headless Chromium: what a person does, what load and a
 * reload do to it, and that nothing secret and nothing that a client chose is on it.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Browser, browserMissing, startBrowser, type Tab } from '../../kong/testbed/browser.js';
import { freePort } from '../../kong/testbed/free-port.js';
import { DEFAULT_CLIENT } from '../../kong/testbed/genesys-cloud/index.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { allowedMs } from '../support/allowed-time.js';
import { startConnectionLoad } from '../support/connection-load.js';
import { GATEWAY_KIND } from './gateway.js';
import { type GenesysGateway, KEY, startGenesysGateway } from './genesys-gateway.js';

const SKIPPED = browserMissing() ?? (GATEWAY_KIND === 'docker' ? "a container's operator port is its own" : undefined);

/** Text that would do something if it became markup. */
const MARKUP = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>';
const PLANTED = { path: 'planted-in-the-path', header: 'planted-in-a-header', body: 'planted-in-the-body' };

describe('the page', unless(SKIPPED), () => {
  const folder = mkdtempSync(join(tmpdir(), 'page-'));
  const credentials = new Set<string>();
  const collect = (message: unknown): void => {
    const { authorization } = (message as { request: IncomingMessage }).request.headers;
    if (authorization?.startsWith('Bearer ')) credentials.add(authorization.slice('Bearer '.length));
  };
  let url: string;
  let setup: GenesysGateway;
  let browser: Browser;
  let tab: Tab;

  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const audit = join(folder, 'audit.log');
    writeFileSync(audit, '');
    const args = ['--metrics', `127.0.0.1:${port}`, '--stdout', audit];
    subscribe('http.server.request.start', collect);
    setup = await startGenesysGateway({
      withAudit: true,
      withQuota: true,
      plugins: PLUGINS.map((plugin) => ({ ...plugin, args })),
      edit(config) {
        for (const consumer of config.consumers ?? []) delete consumer.plugins;
        // Kong lets an operator choose such a name.
        config.consumers?.push({
          username: MARKUP,
          acls: [{ group: 'readers' }],
          keyauth_credentials: [{ key: 'marked-up' }],
        });
      },
    });
    browser = await startBrowser();
  });
  beforeEach(async () => {
    tab = await browser.newTab();
    await tab.look(1280, 900);
    await tab.open(`${url}/`);
    await tab.waitUntil('the page is live', "document.getElementById('state').textContent === 'live'");
  });
  afterAll(async () => {
    unsubscribe('http.server.request.start', collect);
    await browser?.close();
    await setup?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const item = (id: string): string => `document.querySelector('[data-id="${id}"]')`;
  const requestId = (response: Response): string => response.headers.get('x-kong-request-id') ?? '';
  const textOf = (id: string): Promise<string> => tab.evaluate(`document.getElementById('${id}').innerText`);

  it('shows a request within a second: consumer, route, status, time', async () => {
    const response = await setup.get('/api/v2/users?pageSize=2');
    await response.text();
    const since = performance.now();
    await tab.waitUntil('the request', item(requestId(response)));
    expect(performance.now() - since).toBeLessThan(allowedMs(1000));
    const text = await tab.evaluate<string>(`${item(requestId(response))}.innerText`);
    expect(text).toMatch(/200/);
    expect(text).toMatch(/GET genesys-cloud-reads/);
    expect(text).toMatch(/svc-demo/);
    expect(text).toMatch(/\d m?s/);
    expect(tab.problems).toEqual([]);
  });

  it('shows tokens, budgets, breakers and the audit log', async () => {
    for (let i = 0; i < 3; i += 1) await (await setup.get('/api/v2/users?pageSize=1')).text();
    const uses = "Number(/shared it\\s+(\\d+)/.exec(document.getElementById('tokens').innerText)?.[1])";
    await tab.waitUntil('the uses of the token', `${uses} >= 3`);
    expect(await textOf('tokens')).toMatch(new RegExp(DEFAULT_CLIENT.clientId));
    expect(await textOf('tokens')).toMatch(/next renewal\s+in \d+ h/);
    expect(await textOf('budgets')).toMatch(/organisation, everyone: \d+ of 280, \d+ s to go/);
    expect(await textOf('budgets')).toMatch(/consumer, svc-demo: \d+ of \d+, \d+ s to go/);
    await tab.waitUntil('the entries', "/sent\\s+[1-9]/.test(document.getElementById('sinks').innerText)");
    expect(await tab.evaluate("document.querySelectorAll('#budgets meter').length")).toBeGreaterThanOrEqual(2);
  });

  it('is used by keyboard alone', async () => {
    const response = await setup.get('/api/v2/users?pageSize=2');
    await response.text();
    await tab.waitUntil('the request', item(requestId(response)));
    const other = await setup.get('/api/v2/routing/queues?pageSize=2');
    await other.text();
    await tab.waitUntil('the other request', item(requestId(other)));
    await tab.press('Tab');
    expect(await tab.evaluate('document.activeElement.textContent')).toBe('Skip to the requests');
    await tab.press('Enter');
    await tab.press('Tab');
    const focused = 'document.activeElement.dataset.id';
    expect(await tab.evaluate(focused)).toBe(requestId(other));
    await tab.press('ArrowDown');
    expect(await tab.evaluate(focused)).toBe(requestId(response));
    await tab.press('Enter');
    await tab.waitUntil('the request to open', "!document.getElementById('detail').hidden");
    expect(await textOf('detail')).toMatch(/answered by\s+the service/);
    await tab.press('Escape');
    expect(await tab.evaluate("document.getElementById('detail').hidden")).toBe(true);
    expect(await tab.evaluate(focused)).toBe(requestId(response));
    await tab.press('p');
    expect(await textOf('state')).toBe('paused');
  });

  it('has no secret, no body and nothing that a client chose', async () => {
    const sent = await fetch(`${setup.gateway.url}/api/v2/users/${PLANTED.path}?q=${PLANTED.path}`, {
      method: 'PUT',
      headers: { ...KEY, 'X-Planted': PLANTED.header, 'User-Agent': PLANTED.header },
      body: JSON.stringify({ name: PLANTED.body }),
    });
    await sent.text();
    const page = await setup.get('/api/v2/users?pageSize=25');
    const { entities } = (await page.json()) as { entities: { name: string; email: string }[] };
    await tab.waitUntil('both requests', `${item(requestId(sent))} && ${item(requestId(page))}`);
    await tab.evaluate(`${item(requestId(page))}.click()`);
    const paths = ['requests', 'tokens', 'credentials', 'budgets', 'regions', 'breakers', 'log', 'metrics', 'removed'];
    const answers = await Promise.all(paths.map(async (path) => (await fetch(`${url}/${path}`)).text()));
    const all = [await tab.evaluate<string>('document.documentElement.outerHTML'), ...answers].join('\n');
    expect(all).toContain(requestId(sent));
    expect(credentials.size).toBeGreaterThan(0);
    const secrets = [...credentials, 'demo-key', 'demo-secret', DEFAULT_CLIENT.clientSecret, 'PRIVATE KEY'];
    const personal = entities.flatMap(({ name, email }) => [name, email]);
    for (const text of [...secrets, ...personal, ...Object.values(PLANTED)]) expect(all).not.toContain(text);
  });

  it('runs nothing of a hostile name', async () => {
    const response = await setup.get('/api/v2/users?pageSize=2', { headers: { apikey: 'marked-up' } });
    await response.text();
    await tab.waitUntil('the request', item(requestId(response)));
    await tab.evaluate(`${item(requestId(response))}.click()`);
    expect(await textOf('detail')).toContain(MARKUP);
    await tab.waitUntil('its budget', `document.getElementById('budgets').innerText.includes('${MARKUP.slice(0, 9)}')`);
    expect(await tab.evaluate('window.ran')).toBeUndefined();
    expect(await tab.evaluate("document.querySelectorAll('main img, body script').length")).toBe(0);
    // What somehow became markup would be refused.
    const refused = "document.body.innerHTML = '<b></b>'";
    await expect(tab.evaluate(refused)).rejects.toThrow(/TrustedHTML/);
    await tab.evaluate(`const script = document.createElement('script');
      try { script.textContent = 'window.ran = 1'; document.body.append(script); } catch {}`);
    expect(await tab.evaluate('window.ran')).toBeUndefined();
  });

  it('tries rules, and says why each value leaves or is logged', async () => {
    await tab.waitUntil('the example', "document.getElementById('rules-summary').innerText.includes('values leave')");
    expect(await textOf('rules-result')).toMatch(/stays\s+\/entities\/0\/department\s+not in keep/);
    const type = (id: string, text: string): Promise<void> =>
      tab.evaluate(`(() => {
        const field = document.getElementById('${id}');
        field.value = ${JSON.stringify(text)};
        field.dispatchEvent(new InputEvent('input', { bubbles: true }));
      })()`);
    await type('rules-body', JSON.stringify({ name: MARKUP, email: 'jane@example.com', state: 'active' }));
    await type('rules-keep', 'name\nemail');
    await type('rules-remove', 'email');
    await tab.waitUntil(
      'the result',
      "/stays\\s+\\/email\\s+in remove/.test(document.getElementById('rules-result').innerText)",
    );
    expect(await textOf('rules-result')).toContain(MARKUP.slice(0, 10));
    await type('rules-template', '{"a":');
    await tab.waitUntil('the fault', "document.getElementById('rules-summary').innerText.includes('is not JSON')");
    expect(await textOf('rules-summary')).toBe('config.rules[0].template is not JSON');
    await tab.evaluate("document.querySelector('[value=audit]').click()");
    await tab.waitUntil('the log', "/masked\\s+\\/name/.test(document.getElementById('rules-result').innerText)");
    expect(await textOf('rules-result')).toMatch(/shown\s+\/state\s+in keep_fields/);
    expect(await textOf('rules-result')).not.toContain('jane@example.com');
    await tab.evaluate(
      "(() => { const mask = document.getElementById('rules-mask'); mask.value = 'hash'; mask.dispatchEvent(new InputEvent('input', { bubbles: true })); })()",
    );
    await tab.waitUntil('a hash', "document.getElementById('rules-result').innerText.includes('HASH:')");
    expect(await tab.evaluate('window.ran')).toBeUndefined();
    expect(tab.problems).toEqual([]);
  });

  it('may try, and change nothing', async () => {
    const post = (path: string, origin: string): Promise<number> =>
      fetch(`${url}${path}`, { method: 'POST', headers: { Origin: origin }, body: '{}' }).then(({ status }) => status);
    expect(await post('/try/audit', url)).toBe(400);
    expect(await post('/try/audit', 'http://evil.example')).toBe(403);
    const body = JSON.stringify({ config: {}, body: JSON.stringify({ text: 'x '.repeat(400_000) }) });
    const trials = ['a', 'b'].map(() => fetch(`${url}/try/audit`, { method: 'POST', headers: { Origin: url }, body }));
    expect((await Promise.all(trials)).map(({ status }) => status).sort()).toEqual([200, 429]);
    const tooLong = { method: 'POST', headers: { Origin: url }, body: body + body };
    expect((await fetch(`${url}/try/audit`, tooLong)).status).toBe(413);
    for (const path of ['/tokens/purge', '/tokens/drain', '/regions/use', '/regions/auto']) {
      expect(await post(path, url), path).toBe(403);
    }
  });

  it('asks nobody but its own port', async () => {
    await tab.waitUntil('a round', "!document.getElementById('tokens').hidden");
    expect(tab.requested.length).toBeGreaterThan(5);
    for (const requested of tab.requested) expect(requested.startsWith(`${url}/`), requested).toBe(true);
  });

  it('is readable at 400 % and in the dark', async () => {
    const response = await setup.get('/api/v2/users?pageSize=2');
    await response.text();
    await tab.waitUntil('the request', item(requestId(response)));
    await tab.evaluate(`${item(requestId(response))}.click()`);
    const background = 'getComputedStyle(document.body).backgroundColor';
    const light = await tab.evaluate(background);
    // A window of 1280 pixels at 400 %.
    await tab.look(320, 256, 'dark');
    expect(await tab.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(320);
    expect(await tab.evaluate(background)).not.toBe(light);
  });

  it('keeps up with a load, and shows no more than it can', async () => {
    const read = { method: 'GET', path: '/api/v2/users?pageSize=1', headers: KEY };
    const load = startConnectionLoad(setup.gateway.url, 8, { read, write: read });
    try {
      await waitFor('300 requests', () => load.sent.length >= 300, 60_000);
      const since = performance.now();
      await tab.press('p');
      expect(await textOf('state')).toBe('paused');
      expect(performance.now() - since).toBeLessThan(allowedMs(1000));
      await tab.press('p');
    } finally {
      await load.stop();
    }
    const after = await setup.get('/api/v2/users?pageSize=1');
    await after.text();
    await tab.waitUntil('the request after it', item(requestId(after)));
    expect(await tab.evaluate("document.querySelectorAll('#request-list li').length")).toBeLessThanOrEqual(100);
    expect(tab.problems).toEqual([]);
  });

  it('goes on after a reload of the gateway', async () => {
    const before = await setup.get('/api/v2/users?pageSize=1');
    await before.text();
    await tab.waitUntil('the request before it', item(requestId(before)));
    const { native } = setup.gateway;
    const pid = setup.gateway.pluginServerPid('genesys-quota') ?? 0;
    if (native === undefined) process.kill(pid, 'SIGTERM');
    else await native.reload(setup.configuration(() => {}));
    await waitFor('the next process', () => ![pid, undefined].includes(setup.gateway.pluginServerPid('genesys-quota')));
    await tab.waitUntil('the page is live', "document.getElementById('state').textContent === 'live'");
    const ids: string[] = [];
    await waitFor('a request after it', async () => {
      const response = await setup.get('/api/v2/users?pageSize=1');
      await response.text();
      ids.push(requestId(response));
      return tab.evaluate<boolean>(
        `${JSON.stringify(ids)}.some((id) => document.querySelector(\`[data-id="\${id}"]\`))`,
      );
    });
  });
});
