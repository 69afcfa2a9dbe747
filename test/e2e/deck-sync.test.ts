/** `npm run deck:sync` with the real decK, against a real Kong with PostgreSQL. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { STAGES } from '../../kong/stages.js';
import { DECK_VERSION } from '../../kong/testbed/deck-version.js';
import { type GenesysCloud, startGenesysCloud } from '../../kong/testbed/genesys-cloud/index.js';
import { codeBlocks, readDocuments } from '../../kong/testbed/markdown.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { RULE_CASES } from '../../kong/testbed/rule-cases.js';
import { runs } from '../../kong/testbed/runs.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { applyDeckPatches } from '../support/deck-patch.js';
import {
  KONG_WITH_POSTGRES_MISSING,
  type KongWithPostgres,
  startKongWithPostgres,
} from '../support/kong-with-postgres.js';
import { startKonnect } from '../support/konnect.js';

const DECK = process.env.DECK_BIN ?? 'deck';
const DECK_MISSING = deckMissing();
const MISSING = DECK_MISSING ?? KONG_WITH_POSTGRES_MISSING;

const SCRIPT = resolve(import.meta.dirname, '../../dist/scripts/deck-sync.js');
const FIRST_KEY = 'first-consumer-key-31415';
const SECOND_KEY = 'second-consumer-key-27182';
const KONNECT_TOKEN = 'konnect-token-31622';
const ADMIN_TOKEN = 'admin-token-16180';
const CLIENT = { clientId: 'client-of-dev', clientSecret: 'very-secret-14142' };

let folder: string;
let genesys: GenesysCloud;
let kong: KongWithPostgres;
/** All that was printed, by any run. */
let printed = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'deck-sync-'));
  if (MISSING !== undefined) return;
  genesys = await startGenesysCloud({ rateLimitPerMinute: 0, clients: [CLIENT] });
  kong = await startKongWithPostgres(PLUGINS, {
    DEV_GENESYS_CLIENT_ID: CLIENT.clientId,
    DEV_GENESYS_CLIENT_SECRET: CLIENT.clientSecret,
  });
}, 120_000);
afterAll(async () => {
  await kong?.stop();
  await genesys?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What the tests change of the state that all stages share. */
interface State {
  services: {
    read_timeout: number;
    routes: { plugins: { name: string; config: Record<string, unknown> }[] }[];
  }[];
  consumers: { username: string; custom_id?: string }[];
}

function state(): State {
  const whole = {
    _format_version: '3.0',
    services: [
      {
        name: 'genesys-cloud',
        url: genesys.url,
        read_timeout: 10_000,
        routes: [
          {
            name: 'api',
            paths: ['/api/v2'],
            strip_path: false,
            plugins: [
              { name: 'key-auth', config: { key_names: ['apikey'], hide_credentials: true } },
              { name: 'genesys-quota', config: { limits: [{ name: 'consumer', limit: 1000, window: 'minute' }] } },
              { name: 'genesys-token-manager', config: { token_url: genesys.tokenUrl } },
            ],
          },
        ],
      },
    ],
    consumers: [{ username: 'svc', keyauth_credentials: [{ key: `\${{ env "DECK_DEV_SVC_KEY" }}` }] }],
  };
  return whole;
}

/** As kong/stages/dev.yml. */
const OVERLAY = {
  _format_version: '1.0',
  patches: [
    {
      selectors: ["$..plugins[?(@.name=='genesys-token-manager')].config"],
      values: {
        client_id: '{vault://env/dev-genesys-client-id}',
        client_secret: '{vault://env/dev-genesys-client-secret}',
      },
    },
  ],
};

interface Result {
  code: number;
  output: string;
}

function deckSync(mode: string, edit: (state: State) => void = () => {}, options: string[] = [], key = FIRST_KEY) {
  const edited = state();
  edit(edited);
  const files = { state: join(folder, 'kong.yml'), overlay: join(folder, 'dev.yml') };
  writeFileSync(files.state, stringify(edited));
  writeFileSync(files.overlay, stringify(OVERLAY));
  const args = ['--stage', 'dev', '--mode', mode, '--state', files.state, '--overlay', files.overlay, ...options];
  return run(args, {
    DECK_KONG_ADDR: kong.adminUrl,
    DECK_DEV_SVC_KEY: key,
    DECK_HEADERS: `Kong-Admin-Token:${ADMIN_TOKEN}`,
  });
}

function run(args: string[], env: Record<string, string> = {}): Promise<Result> {
  return new Promise((done) => {
    execFile(process.execPath, [SCRIPT, ...args], { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      printed += stdout + stderr;
      done({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

async function admin<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(`${kong.adminUrl}${path}`, { headers: { 'content-type': 'application/json' }, ...init });
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** All entities, with their ids and times: what is equal has not been touched. */
async function everything(): Promise<unknown> {
  const kinds = ['services', 'routes', 'plugins', 'consumers', 'key-auths'];
  const lists = await Promise.all(kinds.map((kind) => admin<{ data: { id: string }[] }>(`/${kind}?size=1000`)));
  return lists.map(({ data }) => data.sort((a, b) => (a.id < b.id ? -1 : 1)));
}

function status(key: string): Promise<number> {
  return fetch(`${kong.url}/api/v2/tokens/me`, { headers: { apikey: key } }).then(async (response) => {
    await response.arrayBuffer();
    return response.status;
  });
}

it.each(STAGES)(
  'the overlay of %s fits kong.yml: decK renders a state with secrets of that stage, and all checks pass',
  unless(DECK_MISSING),
  async (stage) => {
    expect(await run(['--stage', stage, '--mode', 'check'])).toEqual({ code: 0, output: `${stage}: valid\n` });
    const { code, output } = await run(['--stage', stage, '--mode', 'render']);
    expect(output).toContain(`{vault://env/${stage}-genesys-client-secret}`);
    expect(code).toBe(0);
    expect(parse(output)).toMatchObject({ _format_version: '3.0', services: expect.any(Array) });
  },
);

it('decK takes what compose gives it, and the files of kong/config as they are', unless(DECK_MISSING), () => {
  const file = join(folder, 'development.json');
  const render = resolve(import.meta.dirname, '../../dist/scripts/render-development-config.js');
  execFileSync(process.execPath, [render, '--simulator', 'http://127.0.0.1:8090', '--output', file]);
  const parts = ['gateway', 'consumers', 'authorities'].map((name) => `kong/config/${name}.yml`);
  for (const files of [[file], parts]) {
    expect(() => execFileSync(DECK, ['file', 'validate', ...files], { stdio: 'pipe' })).not.toThrow();
  }
});

it(
  'failover.yml fits kong.yml after each stage, passes all checks, and is applied by tests as by decK',
  unless(DECK_MISSING),
  async () => {
    const overlays = ['--overlay', 'kong/stages/prod.yml', '--overlay', 'kong/failover.yml'];
    const checked = await run(['--stage', 'prod', '--mode', 'check', ...overlays]);
    expect(checked).toEqual({ code: 0, output: 'prod: valid\n' });
    const rendered = parse((await run(['--stage', 'prod', '--mode', 'render', ...overlays])).output);
    const applied = parse(readFileSync('kong/kong.yml', 'utf8'), { merge: true });
    for (const file of ['kong/stages/prod.yml', 'kong/failover.yml']) applyDeckPatches(applied, file);
    expect(applied).toMatchObject({ upstreams: [{ name: 'genesys-us-east-1' }, { name: 'genesys-us-west-2' }] });
    expect(rendered).toEqual(applied);
  },
);

it('decK and our own check find the same faults', { ...unless(DECK_MISSING), timeout: 120_000 }, async () => {
  for (const { what, state: text, violates } of RULE_CASES) {
    const file = join(folder, 'case.yml');
    writeFileSync(file, text);
    const { output } = await run(['--stage', 'prod', '--mode', 'check', '--state', file, '--no-overlay']);
    const found = new Set([...output.matchAll(/line \d+: ([a-z-]+): /g)].map(([, rule]) => rule));
    expect([what, ...found]).toEqual([what, ...(violates === undefined ? [] : [violates])]);
    expect(output).not.toContain('hunter2');
  }
});

it('decK takes the examples of the documents', { ...unless(DECK_MISSING), timeout: 120_000 }, () => {
  const texts = readDocuments().flatMap(({ file, text }) =>
    codeBlocks(text)
      .filter((block) => block.language === 'yaml' && /^(services|plugins|consumers):/m.test(block.text))
      .map((block) => ({ file, state: block.text.replace(/^_format_version.*\n/, '') })),
  );
  expect(texts.length).toBeGreaterThan(5);
  for (const { file, state } of texts) {
    const example = join(folder, 'example.yml');
    // An example of a plugin names the service that it stands on.
    const services = /^services:/m.test(state) ? '' : 'services: [{ name: genesys-cloud, url: "https://a.example" }]\n';
    writeFileSync(example, `_format_version: "3.0"\n${services}${state}`);
    const env = { ...process.env, DECK_TERRAFORM_PASSWORD: 'a', DECK_CRM_CALLERS_KEY: 'a', DECK_ANALYTICS: 'off' };
    expect(() => execFileSync(DECK, ['file', 'validate', example], { env, stdio: 'pipe' }), file).not.toThrow();
  }
});

it('a Kong that is too old is refused by name, before anything is sent', unless(DECK_MISSING), async () => {
  const asked: string[] = [];
  const old = createServer(({ method, url }, response) => {
    asked.push(`${method} ${url}`);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"version":"3.8.1"}');
  });
  await new Promise<void>((done) => old.listen(0, '127.0.0.1', done));
  const { port } = old.address() as AddressInfo;
  const { code, output } = await run(['--stage', 'dev'], { DECK_KONG_ADDR: `http://127.0.0.1:${port}` });
  await new Promise((done) => old.close(done));
  expect(output).toContain(
    'Kong 3.8.1 is not supported: install Kong 3.9.3 or newer, or Kong Enterprise 3.10 or newer',
  );
  expect(code).toBe(1);
  expect(asked).toEqual(['GET /']);
});

it('a sync puts the state in place: requests reach the service with a token', unless(MISSING), async () => {
  const { code, output } = await deckSync('sync');
  expect(output).toContain('dev: in sync');
  expect(code).toBe(0);
  await waitFor('the nodes to follow', async () => (await status(FIRST_KEY)) === 200, 20_000);
});

it('a second sync changes nothing', unless(MISSING), async () => {
  const before = await everything();
  const { code, output } = await deckSync('sync');
  expect(output).toContain('dev: no change');
  expect(code).toBe(0);
  expect(await everything()).toEqual(before);
});

it('drift is found, named without its values, and mended by the next sync', unless(MISSING), async () => {
  expect((await deckSync('drift')).code).toBe(0);
  await admin('/services/genesys-cloud', { method: 'PATCH', body: JSON.stringify({ read_timeout: 4711 }) });
  const { code, output } = await deckSync('drift', undefined, ['--report', join(folder, 'report.md')]);
  expect(output).toContain('update service genesys-cloud (read_timeout)');
  expect(output).not.toContain('4711');
  expect(code).toBe(2);
  expect((await deckSync('sync')).code).toBe(0);
  expect(await admin('/services/genesys-cloud')).toMatchObject({ read_timeout: 10_000 });
});

it('a difference changes nothing by itself', unless(MISSING), async () => {
  const before = await everything();
  const { code, output } = await deckSync('diff', ({ services: [service] }) => {
    if (service) service.read_timeout = 5000;
  });
  expect(output).toContain('dev: 0 to create, 1 to update, 0 to delete');
  expect(code).toBe(0);
  expect(await everything()).toEqual(before);
});

it.each<[string, (state: State) => void, RegExp]>([
  [
    'our own check refuses',
    ({ services: [service] }) => {
      const limits = [
        { name: 'a', limit: 1, cost: 2 },
        { name: 'b', limit: 1 },
      ];
      service?.routes[0]?.plugins.forEach((plugin) => {
        if (plugin.name === 'genesys-quota') plugin.config.limits = limits;
      });
    },
    /plugins\[genesys-quota\]\.config\.limits\[0\]\.cost: must not be over the limit/,
  ],
  [
    'Kong refuses by its schema',
    ({ services: [service] }) => {
      // Of a plugin whose configuration our own check does not know.
      service?.routes[0]?.plugins.push({ name: 'response-ratelimiting', config: { limits: { sms: { minute: -1 } } } });
    },
    /deck gateway validate: .*config\.limits/,
  ],
  [
    'our rules refuse',
    ({ services: [service] }) => {
      service?.routes[0]?.plugins.push({ name: 'rate-limiting', config: { minute: 1, limit_by: 'ip' } });
    },
    /must not be ip/,
  ],
])('a change that %s leaves the gateway as it was', unless(MISSING), async (_what, edit, reason) => {
  const before = await everything();
  const { code, output } = await deckSync('sync', edit);
  expect(output).toMatch(reason);
  expect(code).toBe(1);
  expect(await everything()).toEqual(before);
});

it('a sync that fails half way is taken back', unless(MISSING), async () => {
  // Of someone else: without our tag, so neither decK's diff nor Kong's validation sees it.
  await admin('/consumers', { method: 'POST', body: JSON.stringify({ username: 'theirs', custom_id: 'taken' }) });
  const before = JSON.stringify(withoutTimes(await everything()));
  const { code, output } = await deckSync('sync', ({ services: [service], consumers }) => {
    if (service) service.read_timeout = 6000;
    consumers.push({ username: 'ours', custom_id: 'taken' });
  });
  expect(output).toMatch(/deck gateway sync: .*\nthe gateway is as it was before/);
  expect(code).toBe(1);
  expect(JSON.stringify(withoutTimes(await everything()))).toBe(before);
  await admin('/consumers/theirs', { method: 'DELETE' });
});

it('a key that is changed shows by its consumer alone', unless(MISSING), async () => {
  const { code, output } = await deckSync('sync', undefined, [], SECOND_KEY);
  expect(output).toContain('key-auth of consumer svc');
  expect(code).toBe(0);
  await waitFor('the nodes to follow', async () => (await status(SECOND_KEY)) === 200, 20_000);
  await waitFor('the old key to end', async () => (await status(FIRST_KEY)) === 401, 20_000);
});

it('more deletions than allowed need an approval', unless(MISSING), async () => {
  const withoutPlugins = ({ services: [service] }: State): void => {
    if (service) service.routes[0]?.plugins.splice(0, 2);
  };
  const before = await everything();
  const refused = await deckSync('sync', withoutPlugins, ['--max-deletions', '1'], SECOND_KEY);
  // The consumer has no limit any more: our rule speaks first.
  expect(refused.output).toContain('has no rate limit');
  const withoutKeyAuth = ({ services: [service] }: State): void => {
    service?.routes[0]?.plugins.shift();
  };
  const limited = await deckSync('sync', withoutKeyAuth, ['--max-deletions', '0'], SECOND_KEY);
  expect(limited.output).toContain('1 deletions are more than 0: approve them with --approve-deletions 1');
  expect(limited.code).toBe(1);
  expect(await everything()).toEqual(before);
  const approved = await deckSync(
    'sync',
    withoutKeyAuth,
    ['--max-deletions', '0', '--approve-deletions', '1'],
    SECOND_KEY,
  );
  expect(approved.code).toBe(0);
});

it('a node that manages plugin servers is named as what decK cannot speak to', unless(MISSING), async () => {
  const { output } = await run(
    ['--stage', 'dev', '--mode', 'diff', '--state', join(folder, 'kong.yml'), '--overlay', join(folder, 'dev.yml')],
    {
      DECK_KONG_ADDR: kong.brokenAdminUrl,
      DECK_DEV_SVC_KEY: FIRST_KEY,
    },
  );
  expect(output).toContain('let decK speak to an admin node');
});

it(
  'with --konnect decK speaks to the control plane of that name, and to nothing else',
  unless(MISSING ?? (runs('openssl', 'version') ? undefined : 'no openssl')),
  async () => {
    const konnect = await startKonnect(kong.adminUrl, 'genesys', KONNECT_TOKEN, folder);
    const options = (mode: string, controlPlane: string) => {
      const files = ['--state', join(folder, 'kong.yml'), '--overlay', join(folder, 'dev.yml')];
      return run(['--stage', 'dev', '--mode', mode, '--konnect', controlPlane, ...files], {
        ...konnect.env,
        DECK_KONNECT_ADDR: 'https://eu.api.konghq.com',
        DECK_KONNECT_TOKEN: KONNECT_TOKEN,
        DECK_DEV_SVC_KEY: SECOND_KEY,
        // Of an Admin API of one's own: not for Konnect.
        DECK_KONG_ADDR: 'http://127.0.0.1:9',
        DECK_HEADERS: `Kong-Admin-Token:${ADMIN_TOKEN}`,
      });
    };
    try {
      await admin('/services/genesys-cloud', { method: 'PATCH', body: JSON.stringify({ read_timeout: 4711 }) });
      expect(await options('drift', 'genesys')).toMatchObject({
        code: 2,
        output: expect.stringContaining('update service genesys-cloud (read_timeout)'),
      });
      expect(await options('sync', 'genesys')).toMatchObject({ code: 0, output: expect.stringContaining('in sync') });
      expect(await admin('/services/genesys-cloud')).toMatchObject({ read_timeout: 10_000 });
      expect((await options('diff', 'other')).output).toContain('control plane not found: other');
      expect(konnect.strangers).toEqual([]);
      expect([...konnect.hosts].sort()).toEqual(['eu.api.konghq.com:443', 'global.api.konghq.com:443']);
    } finally {
      konnect.close();
    }
  },
);

it('no secret was printed, not even the end of one', unless(MISSING), () => {
  const ends = [FIRST_KEY, SECOND_KEY, ADMIN_TOKEN, CLIENT.clientSecret, KONNECT_TOKEN].map((secret) =>
    secret.slice(-5),
  );
  expect(ends.filter((end) => printed.includes(end))).toEqual([]);
  expect(printed).toContain('key-auth of consumer svc');
});

function withoutTimes(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, item) => (key === 'updated_at' || key === 'created_at' ? undefined : item)),
  );
}

function deckMissing(): string | undefined {
  try {
    const printedVersion = execFileSync(DECK, ['version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return printedVersion.includes(DECK_VERSION) ? undefined : `decK is not ${DECK_VERSION}`;
  } catch {
    return `no decK ${DECK_VERSION} (DECK_BIN, or deck on PATH)`;
  }
}
