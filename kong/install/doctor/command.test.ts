/** The doctor against the simulator, a real Redis, and hosts that are not there. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { listClients } from '../../../plugins/genesys-token-manager/try-login.js';
import { DEFAULT_CLIENT, type GenesysCloud, startGenesysCloud } from '../../testbed/genesys-cloud/index.js';
import { REDIS_MISSING, startRedis, startSentinel } from '../../testbed/redis-server.js';
import { unless } from '../../testbed/unless.js';
import { doctor } from './command.js';
import type { Finding } from './finding.js';

const SECRET = DEFAULT_CLIENT.clientSecret;
const folder = mkdtempSync(join(tmpdir(), 'doctor-'));
const file = join(folder, 'kong.yml');
let cloud: GenesysCloud;

beforeAll(async () => {
  cloud = await startGenesysCloud();
});
afterEach(() => cloud.control.clearFaults());
afterAll(async () => {
  await cloud.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Examines a text, and checks that no secret of it is told. */
async function examine(text: string, env: Record<string, string> = { SECRET }, args: string[] = []) {
  writeFileSync(file, text);
  const command = [file, '--format', 'json', '--prefix', folder, '--kong-bin', join(folder, 'kong'), ...args];
  const { text: printed, exitCode } = await doctor(command, { env, listClients });
  for (const secret of [SECRET, 'a-wrong-secret', 'redis-password']) expect(printed).not.toContain(secret);
  const { findings } = JSON.parse(printed) as { findings: Finding[] };
  const of = (check: string): Finding[] => findings.filter((finding) => finding.check === check);
  return { findings, of, exitCode };
}

const plugins = (...entries: unknown[]): string => JSON.stringify({ _format_version: '3.0', plugins: entries });
const tokens = (config: object): object => ({
  name: 'genesys-token-manager',
  config: {
    token_url: cloud.tokenUrl,
    client_id: DEFAULT_CLIENT.clientId,
    client_secret: '{vault://env/secret}',
    ...config,
  },
});

describe('an OAuth client', () => {
  it('logs in once, however many plugins have it, and reads its organisation', async () => {
    cloud.control.reset();
    const quota = { limits: [{ name: 'o', limit: 280, window: 'minute', by: 'global' }] };
    const { of, exitCode } = await examine(
      plugins(
        tokens({}),
        tokens({}),
        { ...tokens({ client_id: 'off' }), enabled: false },
        { name: 'genesys-quota', config: quota },
      ),
    );
    expect(of('login')).toMatchObject([{ level: 'ok' }]);
    expect(of('organisation')).toMatchObject([{ level: 'ok' }]);
    expect(of('limits')).toMatchObject([{ level: 'ok', what: expect.stringContaining('limit: 279,') }]);
    expect(of('clock')).toMatchObject([{ level: 'ok' }]);
    expect(exitCode).toBe(0);
    expect(cloud.control.counts().tokensIssued).toBe(1);
    const methods = cloud.control.requests({ kind: 'api' }).map(({ method }) => method);
    expect(methods.filter((method) => method !== 'GET' && method !== 'HEAD')).toEqual([]);
  });

  it('is counted with all its tokens', async () => {
    const { of } = await examine(plugins(tokens({ tokens_per_client: 3 })));
    expect(of('login')).toHaveLength(1);
    expect(of('limits')).toMatchObject([{ what: expect.stringContaining("900 for the gateway's 3") }]);
  });

  it('in genesys-gateway, in a pool is found too', async () => {
    const { client_id, client_secret } = { client_id: DEFAULT_CLIENT.clientId, client_secret: '{vault://env/secret}' };
    const wrong = { client_id: 'another', client_secret: 'a-wrong-secret' };
    const { of } = await examine(
      plugins({
        name: 'genesys-gateway',
        config: { token_manager: { token_url: cloud.tokenUrl, clients: [{ client_id, client_secret }, wrong] } },
      }),
    );
    expect(of('login')).toMatchObject([{ level: 'ok' }, { level: 'fail' }]);
  });

  it('of each region is tried, at its own login', async () => {
    const other = await startGenesysCloud();
    try {
      const regions = [cloud, other].map(({ tokenUrl }, index) => {
        const client = { client_id: DEFAULT_CLIENT.clientId, client_secret: '{vault://env/secret}' };
        return { name: `r${index}`, token_url: tokenUrl, upstream: `u${index}`, ...client };
      });
      const { of } = await examine(plugins({ name: 'genesys-token-manager', config: { regions } }));
      expect(of('login')).toMatchObject([{ level: 'ok' }, { level: 'ok' }]);
      expect(other.control.counts().tokensIssued).toBe(1);
    } finally {
      await other.close();
    }
  });

  it('that is missing in many plugins is one finding', async () => {
    const { of } = await examine(plugins(tokens({}), tokens({}), tokens({})), {});
    expect(of('login')).toMatchObject([{ level: 'skip', what: expect.stringContaining('and 2 more: not known here') }]);
  });

  it('with a wrong secret fails, and says what to correct', async () => {
    const { of, exitCode } = await examine(plugins(tokens({})), { SECRET: 'a-wrong-secret' });
    expect(of('login')).toMatchObject([
      { level: 'fail', what: expect.stringContaining('invalid_client'), fix: expect.stringContaining('client_secret') },
    ]);
    expect(exitCode).toBe(1);
  });

  it('whose variable is not here is skipped, by the name of the variable; the shared cache is not needed', async () => {
    const shared = { cache: 'redis', cache_encryption_key: '{vault://env/key}', redis: { port: 1 } };
    const { of } = await examine(plugins(tokens(shared)), {});
    expect(of('login')).toMatchObject([{ level: 'skip', what: expect.stringContaining('the variable SECRET') }]);
    expect((await examine(plugins(tokens(shared)))).of('login')).toMatchObject([{ level: 'ok' }]);
    const other = await examine(plugins(tokens({ client_secret: '{vault://hcv/secret}' })));
    expect(other.of('login')).toMatchObject([{ level: 'skip', what: expect.stringContaining('only Kong can read') }]);
  });

  it('reads a key of a variable that is JSON, as Kong does', async () => {
    const config = { client_secret: '{vault://env/both/secret}' };
    const { of } = await examine(plugins(tokens(config)), { BOTH: JSON.stringify({ secret: SECRET }) });
    expect(of('login')).toMatchObject([{ level: 'ok' }]);
  });

  it('whose login hangs, or is not there, fails in time', async () => {
    cloud.control.setFault('login', { hang: true });
    const { of } = await examine(plugins(tokens({})), { SECRET }, ['--timeout', '0.3']);
    expect(of('login')).toMatchObject([{ level: 'fail', what: expect.stringContaining('within 300 ms') }]);
    const gone = await examine(plugins(tokens({ token_url: 'http://127.0.0.1:1/oauth/token' })));
    expect(gone.of('login')).toMatchObject([{ level: 'fail', what: expect.stringContaining('ECONNREFUSED') }]);
    expect(gone.of('certificate')).toMatchObject([{ level: 'fail' }]);
  });

  it('whose API hangs, or answers nonsense, is told so', async () => {
    cloud.control.setFault('api', { hang: true });
    const hanging = await examine(plugins(tokens({})), { SECRET }, ['--timeout', '0.3']);
    expect(hanging.of('organisation')).toMatchObject([
      { level: 'fail', what: expect.stringContaining('within 300 ms') },
    ]);
    cloud.control.setFault('api', { status: 200, body: '<html>' });
    const { of } = await examine(plugins(tokens({})));
    expect(of('limits')).toMatchObject([{ level: 'skip' }]);
    expect(of('ip allow list')).toMatchObject([{ level: 'skip' }]);
  });

  it('with an idle timeout gets max_idle_seconds suggested', async () => {
    cloud.control.setIdleTimeout(600);
    try {
      const { of } = await examine(plugins(tokens({})));
      expect(of('idle timeout')).toMatchObject([
        { level: 'warn', fix: expect.stringContaining('max_idle_seconds: 570') },
      ]);
    } finally {
      cloud.control.setIdleTimeout(null);
    }
  });

  it('has its allow list compared, if its role may read it', async () => {
    const client = { ...DEFAULT_CLIENT, ipAllowlist: ['127.0.0.0/8'] };
    const other = await startGenesysCloud({
      clients: [client, { ...DEFAULT_CLIENT, clientId: 'poor', permissions: [] }],
    });
    try {
      const at = { token_url: other.tokenUrl };
      const { of } = await examine(plugins(tokens(at), tokens({ ...at, client_id: 'poor' })));
      expect(of('ip allow list')).toMatchObject([
        { level: 'ok' },
        { level: 'skip', what: expect.stringContaining('403 missing.any.permissions') },
      ]);
    } finally {
      await other.close();
    }
  });
});

describe('a file', () => {
  it.each([
    ['is no YAML', '{ client_secret: "a-wrong-secret'],
    ['is a list', '- a-wrong-secret'],
    ['is empty', ''],
  ])('that %s fails in one line, and the rest is looked at', async (_, text) => {
    const { of, findings, exitCode } = await examine(text);
    expect(of('configuration')).toMatchObject([{ level: 'fail', fix: expect.stringContaining('check kong.yml') }]);
    expect(findings.length).toBeGreaterThan(2);
    expect(exitCode).toBe(1);
  });

  it('with one plugin that is broken has the others looked at', async () => {
    const broken = [
      { name: 'genesys-token-manager', config: { client_id: 5, client_secret: 'a-wrong-secret' } },
      { name: 'genesys-token-manager', config: 'text' },
      { name: 'genesys-token-manager' },
      { name: 'genesys-quota', config: { limits: 'a-wrong-secret', redis: { port: 'a-wrong-secret' } } },
      { name: 'genesys-pii-log', config: { sinks: [null, { path: 7 }] } },
      { name: 7 },
      null,
    ];
    const { of } = await examine(plugins(...broken, tokens({})));
    expect(of('login').map(({ level }) => level)).toEqual(['fail', 'ok']);
    expect(of('redis')).toMatchObject([{ level: 'fail' }]);
  });
});

describe('a Redis', unless(REDIS_MISSING), () => {
  const quota = (redis: object): object => ({ name: 'genesys-quota', config: { policy: 'redis', redis } });

  it('is asked by the connection of the plugins: password, policy, role', async () => {
    const redis = await startRedis();
    const replica = await startRedis(['--replicaof', '127.0.0.1', String(redis.port)]);
    redis.cli('config', 'set', 'maxmemory', '100mb');
    redis.cli('config', 'set', 'maxmemory-policy', 'allkeys-lru');
    try {
      const at = { port: redis.port, timeout_ms: 5000 };
      const { of } = await examine(plugins(quota(at), quota({ ...at, port: replica.port })));
      const said = of('redis').map(({ what }) => what);
      expect(said).toContainEqual(expect.stringContaining(`127.0.0.1:${redis.port}: maxmemory-policy is allkeys-lru`));
      expect(said).toContainEqual(expect.stringContaining(`127.0.0.1:${replica.port}: is a replica`));
      redis.cli('config', 'set', 'requirepass', 'redis-password');
      const locked = await examine(plugins(quota(at)));
      expect(locked.of('redis')).toMatchObject([{ level: 'fail', fix: expect.stringContaining('password') }]);
      const open = await examine(plugins(quota({ ...at, password: '{vault://env/pw}' })), { PW: 'redis-password' });
      expect(open.of('redis').every(({ level }) => level !== 'fail')).toBe(true);
    } finally {
      await Promise.all([redis.stop(), replica.stop()]);
    }
  });

  it('behind a Sentinel is asked as the plugins do', async () => {
    const { sentinelPort, master, stop } = await startSentinel();
    try {
      const at = { sentinel_nodes: [{ host: '127.0.0.1', port: sentinelPort }], timeout_ms: 5000 };
      master.cli('config', 'set', 'maxmemory', '100mb');
      master.cli('config', 'set', 'maxmemory-policy', 'volatile-lru');
      const { of } = await examine(
        plugins(quota({ ...at, sentinel_master: 'tokens' }), quota({ ...at, sentinel_master: 'gone' })),
      );
      expect(of('redis')).toContainEqual(
        expect.objectContaining({ level: 'fail', fix: 'correct redis.sentinel_master' }),
      );
      expect(of('redis').map(({ what }) => what)).toContainEqual(expect.stringContaining('volatile-lru'));
    } finally {
      await stop();
    }
  });

  it('that is not there, or has stopped, fails in time', async () => {
    const redis = await startRedis();
    try {
      const gone = await examine(plugins(quota({ port: 1 })), {}, ['--timeout', '0.5']);
      expect(gone.of('redis')).toMatchObject([{ level: 'fail', what: expect.stringContaining('ECONNREFUSED') }]);
      redis.signal('SIGSTOP');
      const stopped = await examine(plugins(quota({ port: redis.port })), {}, ['--timeout', '0.5']);
      expect(stopped.of('redis')).toMatchObject([{ level: 'fail' }]);
    } finally {
      redis.signal('SIGCONT');
      await redis.stop();
    }
  });
});

describe("Kong's version", () => {
  let admin: Server;
  let answer: string;
  beforeAll(async () => {
    admin = createServer((_, response) => {
      // As Kong 3.9 does where there are external plugins.
      if (answer === 'not JSON') response.writeHead(500, { server: 'kong/3.9.3' });
      response.end(answer);
    });
    await new Promise<void>((resolve) => admin.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => void admin.close());

  it.each([
    ['{"version":"3.9.3"}', 'ok'],
    ['{"version":"3.8.0"}', 'fail'],
    ['not JSON', 'ok'],
  ])('of an Admin API that answers %s: %s', async (text, level) => {
    answer = text;
    const { port } = admin.address() as AddressInfo;
    const { of } = await examine(plugins(), {}, ['--admin-url', `http://127.0.0.1:${port}`]);
    expect(of('kong')).toMatchObject([{ level }]);
  });

  it('is skipped where there is no kong', async () => {
    const { of, exitCode } = await examine(plugins());
    expect(of('kong')).toMatchObject([{ level: 'skip', what: expect.stringContaining('ENOENT') }]);
    expect(exitCode).toBe(0);
  });
});

it.each([[['a', 'b']], [['--format', 'xml']], [['--timeout', '0']], [['--admin-url', 'file:///etc']], [['--bogus']]])(
  'refuses %j',
  async (args) => {
    await expect(doctor(args, { env: {}, listClients })).rejects.toThrow();
  },
);
