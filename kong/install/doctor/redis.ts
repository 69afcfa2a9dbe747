/** Whether a Redis can hold tokens and counters. The connection is the plugins' own, so what it says, they meet too. */
import { oneLine } from '../../../plugins/shared/one-line.js';
import { createRedisConnections } from '../../../plugins/shared/redis/connection.js';
import type { RedisSettings } from '../../../plugins/shared/redis/settings.js';
import { type Finding, fail, ok, warn } from './finding.js';

export type RedisFacts =
  | { where: string; problem: string }
  | {
      where: string;
      topology: RedisSettings['topology']['kind'];
      /** The configured time for each operation. */
      timeoutMs: number;
      /** The median of some round trips. */
      latencyMs: number;
      /** The lines of INFO, by name; undefined if the user may not ask. */
      info: ReadonlyMap<string, string> | undefined;
    };

/** A round trip is measured so many times. */
const ROUND_TRIPS = 5;

/**
 * Redis' releases of October 2025, which fix CVE-2025-49844: whoever may run a script could run code on the machine.
 * Distributions may have the fix under an older version.
 */
const FLOORS: Readonly<Record<string, readonly number[]>> = {
  '6.2': [6, 2, 20],
  '7.2': [7, 2, 11],
  '7.4': [7, 4, 6],
  '8.0': [8, 0, 4],
  '8.2': [8, 2, 2],
};

/** Names a Redis in a finding. */
export function addressOf({ topology }: RedisSettings): string {
  const nodes = topology.kind === 'single' ? [topology.node] : topology.nodes;
  return nodes.map(({ host, port }) => `${host}:${port}`).join(', ');
}

/** Asks a Redis. @param waitMs for the connection, and for each answer */
export async function askRedis(where: string, settings: RedisSettings, waitMs: number): Promise<RedisFacts> {
  // A slow Redis is to be measured, not given up.
  const connection = createRedisConnections()({ ...settings, timeoutMs: waitMs });
  try {
    await connection.firstContact(waitMs);
    const times: number[] = [];
    for (let trip = 0; trip < ROUND_TRIPS; trip += 1) {
      const startedAt = performance.now();
      await connection.run((redis) => redis.eval('return 1', 0));
      times.push(performance.now() - startedAt);
    }
    // In a script, as the plugins' commands: the client has no other way in.
    const info = await connection.run((redis) => redis.eval("return redis.call('INFO')", 0)).catch(() => undefined);
    const latencyMs = times.sort((a, b) => a - b)[Math.floor(ROUND_TRIPS / 2)] ?? 0;
    const { topology, timeoutMs } = settings;
    return {
      where,
      topology: topology.kind,
      timeoutMs,
      latencyMs,
      info: typeof info === 'string' ? linesOf(info) : undefined,
    };
  } catch (error) {
    return { where, problem: oneLine(error instanceof Error ? error.message : 'unknown error', 200) };
  } finally {
    await connection.close();
  }
}

export function judgeRedis(facts: RedisFacts): Finding[] {
  const check = 'redis';
  const { where } = facts;
  if ('problem' in facts) return [fail(check, `${where}: ${facts.problem}`, fixOf(facts.problem))];
  const { topology, timeoutMs, latencyMs, info } = facts;
  const latency = `${latencyMs.toFixed(1)} ms`;
  const findings: Finding[] = [];
  if (latencyMs > timeoutMs) {
    findings.push(
      fail(
        check,
        `${where}: answers in ${latency}, over timeout_ms ${timeoutMs}`,
        'a nearer Redis, or a higher timeout_ms',
      ),
    );
  } else if (latencyMs > timeoutMs / 2) {
    findings.push(
      warn(
        check,
        `${where}: answers in ${latency}, near timeout_ms ${timeoutMs}`,
        'a nearer Redis, or a higher timeout_ms',
      ),
    );
  }
  if (info === undefined) {
    findings.push(
      warn(check, `${where}: answers in ${latency}, and its user may not ask for INFO`, 'allow +info for the doctor'),
    );
    return findings;
  }
  const version = info.get('redis_version') ?? 'of unknown version';
  const role = info.get('role') ?? 'unknown';
  const policy = info.get('maxmemory_policy') ?? 'unknown';
  if (role !== 'master' && topology !== 'cluster') {
    findings.push(fail(check, `${where}: is a replica, which takes no writes`, 'name the master, or its Sentinels'));
  }
  const isBounded = Number(info.get('maxmemory') ?? 0) > 0;
  if (isBounded && policy !== 'noeviction') {
    findings.push(
      warn(
        check,
        `${where}: maxmemory-policy is ${policy}: when memory is short, counters are forgotten and limits allow more`,
        'a Redis of its own with maxmemory-policy noeviction',
      ),
    );
  }
  const floor = info.get('server_name') === 'valkey' ? undefined : versionFault(version);
  if (floor !== undefined)
    findings.push(warn(check, `${where}: ${floor}`, 'install a newer Redis, or see what your distribution fixed'));
  if (findings.length > 0) return findings;
  return [ok(check, `${where}: ${version}, ${role}, ${policy}, answers in ${latency}`)];
}

function versionFault(version: string): string | undefined {
  const parts = version.split('.').map(Number);
  const [major = 0, minor = 0, patch = 0] = parts;
  if (!(major > 0)) return undefined;
  const floor = FLOORS[`${major}.${minor}`];
  const isOld = floor === undefined ? major < 8 : patch < (floor[2] ?? 0);
  return isOld ? `Redis ${version} has a known security fault (CVE-2025-49844)` : undefined;
}

function linesOf(info: string): ReadonlyMap<string, string> {
  return new Map(
    info.split('\r\n').flatMap((line): [string, string][] => {
      const [name, ...rest] = line.split(':');
      return name === undefined || rest.length === 0 ? [] : [[name, rest.join(':')]];
    }),
  );
}

function fixOf(problem: string): string {
  if (/NOAUTH|WRONGPASS|NOPERM/.test(problem))
    return 'correct redis.username and redis.password, and what the user may do';
  if (/CERT|SELF_SIGNED|TLS|SSL|wrong version/i.test(problem)) return 'correct redis.ssl, ssl_verify and server_name';
  if (/ENOTFOUND|EAI_AGAIN/.test(problem)) return 'correct redis.host: no such name';
  if (/No such master/.test(problem)) return 'correct redis.sentinel_master';
  if (/DB index/.test(problem)) return 'correct redis.database';
  return 'start it, correct redis.host, redis.port and redis.ssl, or open the firewall';
}
