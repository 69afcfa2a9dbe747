/** What each judge says of facts. */

import { describe, expect, it } from 'vitest';
import type { LoginClient } from '../../../plugins/shared/login-trial.js';
import { judgeFolder, judgeLogFile, judgeSocket, may, type Node } from './files.js';
import { asText, presentable } from './finding.js';
import { apiUrlOf, judgeClock } from './login.js';
import { judgeAllowList, judgeIdleTimeout, judgeLimits, judgeOrganisation } from './organisation.js';
import { judgeCertificate } from './probe.js';
import { judgeRedis } from './redis.js';
import { judgeKong, judgeNode } from './versions.js';

describe('versions', () => {
  it.each([
    ['18.20.8', 'fail'],
    ['20.18.3', 'fail'],
    ['20.19.0', 'warn'],
    ['20.20.2', 'warn'],
    ['22.23.3', 'warn'],
    ['22.23.4', 'ok'],
    ['24.22.0', 'warn'],
    ['24.22.1', 'ok'],
    ['25.9.0', 'warn'],
    ['26.12.0', 'warn'],
    ['26.13.0', 'ok'],
  ])('Node %s: %s', (version, level) => {
    expect(judgeNode(version, '2026-11-27').level).toBe(level);
  });

  it.each([
    ['2.8.5', 'fail'],
    ['3.8.1', 'fail'],
    ['3.9.2', 'warn'],
    ['3.9.3\n', 'ok'],
    ['3.9.4', 'ok'],
    ['3.10.0', 'warn'],
    ['Kong Enterprise 3.10.0.5', 'ok'],
    ['3.14.0.1', 'ok'],
    ['Kong Enterprise 3.12.0.0', 'warn'],
    ['Kong Enterprise 3.4.3.12', 'fail'],
    ['4.0.0', 'fail'],
    ['', 'warn'],
  ])('Kong %j: %s', (version, level) => {
    expect(judgeKong(version, '2026-11-27').level).toBe(level);
  });

  it('of a line whose support is over', () => {
    expect(judgeKong('3.10.0.5', '2028-04-01').level).toBe('warn');
  });
});

const KONG = { uid: 1000, gids: [1000, 2000], name: 'kong' };
const node = (path: string, mode: number, kind: Node['kind'] = 'folder', uid = 0, gid = 0): Node => {
  return { path, kind, uid, gid, mode };
};
const ROOT = node('/', 0o755);

describe('who may write where', () => {
  it.each([
    [{ uid: 1000, gid: 0, mode: 0o200 }, true],
    [{ uid: 1000, gid: 1000, mode: 0o077 }, false],
    [{ uid: 0, gid: 2000, mode: 0o020 }, true],
    [{ uid: 0, gid: 2000, mode: 0o702 }, false],
    [{ uid: 0, gid: 0, mode: 0o002 }, true],
    [{ uid: 0, gid: 0, mode: 0o775 }, false],
  ])('%j: %s', (file, expected) => {
    expect(may(KONG, file, 'write')).toBe(expected);
    expect(may({ ...KONG, uid: 0 }, file, 'write')).toBe(true);
  });

  it('a folder of root, or below one that is closed, fails with what is closed', () => {
    const own = node('/var/kong', 0o755, 'folder', 1000);
    const judged = (...chain: Node[]) => judgeFolder('sockets', { path: '/var/kong', chain }, KONG);
    expect(judged(ROOT, own).level).toBe('ok');
    expect(judged(ROOT, { ...own, uid: 0 })).toMatchObject({
      level: 'fail',
      what: "Kong's workers (kong) may not write to /var/kong: /var/kong is of 0:0, mode 0755",
    });
    expect(judged(ROOT, node('/var', 0o750), own).what).toContain('/var is of 0:0, mode 0750');
    expect(judged(ROOT, { ...own, mode: 0o777 }).level).toBe('warn');
    expect(judged(ROOT, { ...own, mode: 0o1777 }).level).toBe('ok');
    expect(judged(ROOT, { ...own, kind: 'file' }).level).toBe('fail');
    expect(judgeFolder('sockets', { path: '/x', chain: [], missing: 'ENOENT' }, KONG).level).toBe('fail');
    expect(judgeFolder('sockets', { path: '/x', chain: [], missing: 'EACCES' }, KONG).level).toBe('skip');
    expect(judgeFolder('sockets', { path: '/var/kong', chain: [own] }, undefined).level).toBe('skip');
  });

  it('a log file of root fails, though its folder is open; one that everybody reads is told', () => {
    const folder = { path: '/log', chain: [ROOT, node('/log', 0o755, 'folder', 1000)] };
    const judged = (mode: number, uid: number) =>
      judgeLogFile(
        'audit log',
        { path: '/log/a', chain: [...folder.chain, node('/log/a', mode, 'file', uid)] },
        folder,
        KONG,
      );
    expect(judged(0o600, 1000).level).toBe('ok');
    expect(judged(0o600, 0)).toMatchObject({ level: 'fail', fix: 'chown kong /log/a' });
    expect(judged(0o644, 1000).level).toBe('warn');
  });

  it('a socket that answers the doctor, but not Kong, fails', () => {
    const path = '/var/kong/genesys-plugins.socket';
    const judged = (socket: Node, answers: boolean, words?: string) =>
      judgeSocket({ path, answers, chain: [ROOT, node('/var/kong', 0o755, 'folder', 1000), socket] }, KONG, words);
    expect(judged(node(path, 0o755, 'socket', 1000), true).level).toBe('ok');
    expect(judged(node(path, 0o755, 'socket', 0), true)).toMatchObject({ level: 'fail' });
    expect(judged(node(path, 0o777, 'socket', 0), true).level).toBe('warn');
    expect(judged(node(path, 0o755, 'socket', 1000), false, 'out of memory').what).toContain(
      'last words: out of memory',
    );
    expect(judged(node(path, 0o644, 'file', 1000), false).what).toContain('is not a socket');
  });
});

const CLIENT: LoginClient = {
  ...{ key: 'k', clientId: 'id', clientSecret: 'secret', tokenUrl: 'https://login.mypurecloud.com/oauth/token' },
  ...{ tokens: 2, maxIdleMs: undefined, loadAgent: async () => undefined },
  logIn: () => Promise.reject(new Error('is not asked')),
};
const answered = (body: unknown, status = 200) => ({ status, body });
function facts(body: unknown, egress = { login: '203.0.113.7', api: '203.0.113.7' }, client = CLIENT) {
  const answer = 'status' in Object(body) ? (body as { status: number; body: unknown }) : answered(body);
  const answers = { organisation: answer, idleTimeout: answer, limits: answer, client: answer };
  return { client, answers, egress: { ...egress, loginByProxy: false } };
}

describe('the organisation', () => {
  it('is skipped where the role does not allow it, and fails where the API refuses the token', () => {
    const refusal = { code: 'missing.any.permissions', message: 'the token Bearer abc' };
    expect(judgeOrganisation(facts(answered(refusal, 403)))).toMatchObject({ level: 'skip' });
    expect(judgeOrganisation(facts(answered(refusal, 403))).what).not.toContain('abc');
    expect(judgeOrganisation(facts(answered(undefined, 401))).level).toBe('fail');
    expect(judgeOrganisation(facts({ name: 'Acme' }))).toMatchObject({ level: 'ok' });
  });

  it.each([
    [{ idleTokenTimeoutSeconds: 0, enableIdleTokenTimeout: false }, undefined, 'ok'],
    [{ idleTokenTimeoutSeconds: 900, enableIdleTokenTimeout: false }, undefined, 'ok'],
    [{ idleTokenTimeoutSeconds: 900, enableIdleTokenTimeout: true }, undefined, 'warn'],
    [{ idleTokenTimeoutSeconds: 900, enableIdleTokenTimeout: true }, 1000, 'warn'],
    [{ idleTokenTimeoutSeconds: 900, enableIdleTokenTimeout: true }, 870, 'ok'],
  ])('with an idle timeout %j and max_idle_seconds %s: %s', (timeout, seconds, level) => {
    const client = { ...CLIENT, maxIdleMs: seconds && seconds * 1000 };
    expect(judgeIdleTimeout(facts(timeout, undefined, client)).level).toBe(level);
  });

  it('suggests limits by what its tokens may do', () => {
    const body = { entities: [{ key: 'client.credentials.token.rate.per.minute', value: 300 }] };
    const judged = (...limits: number[]) =>
      judgeLimits(
        facts(body),
        [CLIENT, CLIENT],
        limits.map((limit) => ({ where: 'p', limit })),
      );
    expect(judged()[0]).toMatchObject({ level: 'warn', fix: expect.stringContaining('limit: 1116,') });
    expect(judged(1200)[0]).toMatchObject({ level: 'ok', what: expect.stringContaining('limit: 1116,') });
    expect(judged(1201, 10)[0]).toMatchObject({ level: 'warn', what: expect.stringContaining('p allows 1201') });
    expect(judgeLimits(facts({ entities: null }), [CLIENT], [])[0]?.level).toBe('skip');
  });

  it.each([
    [['203.0.113.0/24'], '203.0.113.7', 'ok'],
    [['203.0.113.7'], '203.0.113.7', 'ok'],
    [['2001:db8::/32'], '2001:db8::7', 'ok'],
    [['198.51.100.1'], '203.0.113.7', 'warn'],
    [['nonsense', '1.2.3.4/99'], '203.0.113.7', 'warn'],
    [['198.51.100.1'], '10.1.2.3', 'skip'],
    [[], '203.0.113.7', 'warn'],
  ])('with the allow list %j and the address %s: %s', (ipAllowlist, address, level) => {
    expect(judgeAllowList(facts({ ipAllowlist }, { login: address, api: address })).level).toBe(level);
  });

  it('judges the ways of login and API each', () => {
    const list = { ipAllowList: ['203.0.113.7'] };
    expect(judgeAllowList(facts(list, { login: '203.0.113.7', api: '198.51.100.9' })).what).toContain('198.51.100.9');
    expect(judgeAllowList(facts({})).level).toBe('skip');
  });
});

describe('the rest', () => {
  it.each([
    ['https://login.mypurecloud.de/oauth/token', 'https://api.mypurecloud.de'],
    ['http://127.0.0.1:8090/oauth/token', 'http://127.0.0.1:8090'],
    ['https://login.example.com/oauth/token', undefined],
    ['https://login.mypurecloud.de.example.com/oauth/token', undefined],
  ])('a token of %s goes to %s', (tokenUrl, apiUrl) => {
    expect(apiUrlOf(tokenUrl)).toBe(apiUrl);
  });

  it.each([
    [0, 'ok'],
    [-4_000, 'ok'],
    [20_000, 'warn'],
    [-90_000, 'fail'],
  ])('a clock that differs by %s ms: %s', (clockAheadMs, level) => {
    expect(judgeClock([{ clockAheadMs: undefined }, { clockAheadMs }])?.level).toBe(level);
  });

  it.each([
    [{ untrusted: undefined, days: 90 }, 'ok'],
    [{ untrusted: undefined, days: 5 }, 'warn'],
    [{ untrusted: 'CERT_HAS_EXPIRED', days: -1 }, 'fail'],
    [{ untrusted: 'SELF_SIGNED_CERT_IN_CHAIN', days: 90 }, 'fail'],
  ])('a certificate %j: %s', ({ untrusted, days }, level) => {
    const certificate = { untrusted, expiresAtMs: days * 86_400_000, issuers: ['CA'] };
    expect(judgeCertificate({ host: 'h', localAddress: undefined, certificate }, false, 0).level).toBe(level);
  });

  const info = { redis_version: '8.2.2', role: 'master', maxmemory: '0', maxmemory_policy: 'noeviction' };
  it.each([
    [{}, 'ok'],
    [{ maxmemory_policy: 'allkeys-lru' }, 'ok'],
    [{ maxmemory: '1000', maxmemory_policy: 'allkeys-lru' }, 'warn'],
    [{ role: 'slave' }, 'fail'],
    [{ redis_version: '7.0.15' }, 'warn'],
    [{ redis_version: '7.2.4', server_name: 'valkey' }, 'ok'],
  ])('a Redis with %j: %s', (other, level) => {
    const all = new Map(Object.entries({ ...info, ...other }));
    const [finding] = judgeRedis({ where: 'r', topology: 'single', timeoutMs: 50, latencyMs: 1, info: all });
    expect(finding?.level).toBe(level);
    const [slow] = judgeRedis({ where: 'r', topology: 'single', timeoutMs: 50, latencyMs: 51, info: all });
    expect(slow?.level).toBe('fail');
  });

  it('a finding is one line, and shows no secret', () => {
    const finding = { check: 'c', level: 'fail', what: 'is s3cret\nAND longer-s3cret', fix: 'not s3cret' } as const;
    const text = asText([presentable(finding, ['s3cret', 'longer-s3cret', ''])]);
    expect(text).toBe('fail  c  is *** AND ***; fix: not ***\n');
  });
});
