/** The page of `npm start` in a headless Chromium: 500 requests a second, and hostile text wherever a client may put it. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Exchange } from '../kong/local-gateway/index.js';
import { type Browser, browserMissing, startBrowser } from '../kong/testbed/browser.js';
import { unless } from '../kong/testbed/unless.js';
import { waitFor } from '../kong/testbed/wait-for.js';
import { type StartPage, startPage } from './start-page.js';

const SKIPPED = browserMissing();

const MARKUP = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>';
/** On a machine that does other things too, a time must only not be of another order. */
const allowedMs = (ms: number): number => (process.env.LONG ? ms : 10 * ms);
const idOf = (n: number): string => n.toString(16).padStart(32, '0');

function exchange(n: number, more: Partial<Exchange> = {}): Exchange {
  const body = Buffer.from('{"id":"1"}');
  const answer = { status: 200, headers: [], body, bytes: body.length };
  return {
    id: idOf(n),
    startedAtMs: Date.now(),
    method: 'GET',
    path: `/api/v2/users/${n}`,
    route: 'reads',
    service: { id: 's', name: 'genesys' },
    consumer: 'svc',
    status: 200,
    source: 'service',
    ms: { total: 12, gateway: 4, service: 8, plugins: [['genesys-quota access', 1]] },
    tries: 1,
    serviceAnswer: answer,
    clientAnswer: answer,
    ...more,
  };
}

/** What the operator port would say of a bad day, with hostile text in each name. */
const BAD_DAY: Readonly<Record<string, unknown>> = {
  '/tokens': {
    tokens: [
      {
        client_id: MARKUP,
        token_host: 'login.example',
        slot: 0,
        drained: true,
        token: { ref: 'r', age_seconds: 7300, renews_in_seconds: 60, uses: 1234, uses_in_window: 299, refused: true },
        last_error: { reason: `login answered ${MARKUP}`, retry_in_seconds: 3 },
      },
    ],
  },
  '/credentials': { credentials: [{ fingerprint: 'f1', uses: 5, last_used_seconds: 3 }] },
  '/budgets': { budgets: [{ namespace: 'n', limit: MARKUP, who: MARKUP, used: 9, of: 10, resets_in_seconds: 12 }] },
  '/regions': {
    groups: [
      {
        forced: 'eu',
        regions: [
          { name: MARKUP, upstream: 'u', state: 'lost', failures_in_a_row: 3, served: 7, probe_in_seconds: 9 },
          { name: 'eu', upstream: 'v', state: 'up', failures_in_a_row: 0, served: 70 },
        ],
      },
    ],
  },
  '/breakers': { breakers: [{ service_id: 's', state: 'open', failures_in_a_row: 5 }] },
  '/log': {
    entries: { logged: 40, sampled_out: 2, failed: 1, dropped: 3 },
    sinks: [{ name: MARKUP, sent: 30, waiting: 10, dropped: 3, spilled: 1, failures: 4, lastFailure: 'ECONNREFUSED' }],
  },
};

describe('the page of npm start', unless(SKIPPED), () => {
  const folder = mkdtempSync(join(tmpdir(), 'start-page-'));
  const auditPath = join(folder, 'audit.log');
  let operator: Server;
  let isBadDay = false;
  let page: StartPage;
  let browser: Browser;

  beforeAll(async () => {
    writeFileSync(auditPath, '');
    operator = createServer(({ url = '' }, response) => {
      const body = isBadDay ? BAD_DAY[url.replace(/\?.*/, '')] : undefined;
      response.writeHead(body === undefined ? 404 : 200).end(JSON.stringify(body ?? {}));
    });
    await new Promise<void>((resolve) => operator.listen(0, '127.0.0.1', resolve));
    const operatorUrl = `http://127.0.0.1:${(operator.address() as AddressInfo).port}`;
    page = await startPage({ port: 0, operatorUrl, auditPath, hasBodies: true });
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await page?.close();
    operator?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function openTab() {
    const tab = await browser.newTab();
    await tab.look(1280, 900);
    await tab.open(page.url);
    await tab.waitUntil('the page is live', "document.getElementById('state').textContent === 'live'");
    return tab;
  }

  it('keeps up with 500 requests a second', async () => {
    const tab = await openTab();
    // How long the page was busy at a stretch: somebody who presses a key waits as long.
    await tab.evaluate(`(() => {
      window.longest = 0;
      let last = performance.now();
      setInterval(() => {
        window.longest = Math.max(window.longest, performance.now() - last);
        last = performance.now();
      }, 10);
    })()`);
    let sent = 0;
    const began = performance.now();
    const timer = setInterval(() => {
      while (sent < (performance.now() - began) / 2) {
        sent += 1;
        page.note(exchange(sent));
      }
    }, 20);
    try {
      await waitFor('3 s of requests', () => sent >= 1500);
    } finally {
      clearInterval(timer);
    }
    const last = idOf(sent);
    const since = performance.now();
    await tab.waitUntil('the last request', `document.querySelector('[data-id="${last}"]')`);
    const shownAfterMs = performance.now() - since;
    const longestMs = await tab.evaluate<number>('window.longest');
    expect(sent).toBeGreaterThanOrEqual(1400);
    expect(shownAfterMs).toBeLessThan(allowedMs(1000));
    expect(longestMs).toBeLessThan(allowedMs(200));
    expect(await tab.evaluate("document.querySelectorAll('#request-list li').length")).toBeLessThanOrEqual(100);
    expect(await tab.evaluate("document.getElementById('requests-note').textContent")).toMatch(
      /came too fast to be shown/,
    );
    expect(tab.problems).toEqual([]);
  });

  it('runs nothing, whatever a client, Genesys or the log says, and shows all of it', async () => {
    const hostile = Buffer.from(JSON.stringify({ name: MARKUP }));
    const answer = {
      status: 200,
      headers: [['x-name', MARKUP]] as [string, string][],
      body: hostile,
      bytes: hostile.length,
    };
    page.note(
      exchange(0xabc, {
        method: MARKUP,
        path: MARKUP,
        route: MARKUP,
        consumer: MARKUP,
        service: { id: MARKUP, name: MARKUP },
        serviceAnswer: answer,
        clientAnswer: answer,
      }),
    );
    writeFileSync(auditPath, `${JSON.stringify({ request_id: idOf(0xabc), path: MARKUP })}\n`);
    const tab = await openTab();
    await tab.waitUntil('the request', `document.querySelector('[data-id="${idOf(0xabc)}"]')`);
    await tab.evaluate(`document.querySelector('[data-id="${idOf(0xabc)}"]').click()`);
    await tab.waitUntil(
      'the log',
      "document.querySelectorAll('.sides > div').length === 3 && !document.querySelector('.sides .empty')",
    );
    await tab.evaluate("for (const one of document.querySelectorAll('details')) one.open = true");
    const text = await tab.evaluate<string>("document.getElementById('detail').innerText");
    // Method, path, route, service, consumer, twice a header and a body, and the log; those in JSON have escapes.
    expect(text.split('<img src=x onerror=').length - 1).toBe(10);
    expect(await tab.evaluate('window.ran')).toBeUndefined();
    expect(await tab.evaluate("document.querySelectorAll('main img, body script').length")).toBe(0);
    expect(tab.problems).toEqual([]);
  });

  it('shows lost regions, open breakers, full budgets and sinks that fail', async () => {
    isBadDay = true;
    page.note(exchange(0xdef));
    const tab = await openTab();
    await tab.waitUntil('the panels', "document.getElementById('sinks').innerText.includes('waiting')");
    await tab.waitUntil(
      'the name of the service',
      "document.getElementById('regions').innerText.includes('Breaker of genesys')",
    );
    const textOf = (id: string): Promise<string> => tab.evaluate(`document.getElementById('${id}').innerText`);
    const regions = await textOf('regions');
    expect(regions).toMatch(/ lost\s+requests\s+7\s+failures in a row\s+3\s+next probe\s+in 9 s/);
    expect(regions).toMatch(/eu up\s+requests\s+70\s+chosen by hand\s+yes/);
    expect(regions).toMatch(/Breaker of genesys open/);
    expect(await textOf('budgets')).toMatch(/: 9 of 10, 12 s to go/);
    expect(await textOf('tokens')).toMatch(/age\s+2 h\s+next renewal\s+in 60 s\s+requests that shared it\s+1234/);
    expect(await textOf('tokens')).toMatch(/state\s+drained\s+last error\s+login answered/);
    expect(await textOf('sinks')).toMatch(
      /waiting\s+10\s+dropped\s+3\s+spilled\s+1\s+failed attempts\s+4\s+last failure\s+ECONN/,
    );
    const all = await tab.evaluate<string>("document.querySelector('.panels').innerText");
    // Client, error, limit, consumer, region, sink.
    expect(all.split(MARKUP).length - 1).toBe(6);
    expect(await tab.evaluate('window.ran')).toBeUndefined();
    expect(tab.problems).toEqual([]);
  });
});

describe('the port of the page', () => {
  let page: StartPage;
  beforeAll(async () => {
    const auditPath = join(tmpdir(), 'no-such-audit.log');
    page = await startPage({ port: 0, operatorUrl: 'http://127.0.0.1:9', auditPath, hasBodies: true });
  });
  afterAll(() => page?.close());

  const details = async (id: number) => (await fetch(`${page.url}requests/${idOf(id)}`)).json();

  it('shows bodies without compression, and no credential in them', async () => {
    const text = '{"access_token":"secret-token","token_type":"bearer","secret" : "a-secret"}';
    const body = gzipSync(text);
    const headers: [string, string][] = [['content-encoding', 'gzip']];
    const answer = { status: 200, headers, body, bytes: body.length };
    page.note(exchange(1, { serviceAnswer: answer, clientAnswer: answer }));
    const { service, client } = (await details(1)) as { service: { body: string }; client: { body: string } };
    expect(service.body).toBe('{"access_token":"(not shown)","token_type":"bearer","secret" : "(not shown)"}');
    expect(client.body).toBe(service.body);
  });

  it('serves this machine alone, and no other page', async () => {
    for (const headers of [{ Origin: 'http://evil.example' }, { Origin: 'null' }]) {
      expect((await fetch(page.url, { headers })).status).toBe(403);
    }
    expect((await fetch(page.url, { headers: { Origin: page.url.slice(0, -1) } })).status).toBe(200);
  });

  it.each(['tokens/purge', 'page/../package.json', 'page/README.md', 'page/%2e%2e/page.css', 'metrics', 'nothing'])(
    'does not know %s',
    async (path) => {
      expect((await fetch(`${page.url}${path}`, { method: path === 'tokens/purge' ? 'POST' : 'GET' })).status).toBe(
        404,
      );
    },
  );
});
