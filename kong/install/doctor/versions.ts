/** Whether the versions of Node and Kong are old enough to be a danger. Pure. */
import { isBelow, isUnsupportedKong, KONG_WANTED, versionNumbers } from '../../kong-version.js';
import { type Finding, fail, ok, warn } from './finding.js';

/** Of package.json (`engines`). */
const NODE_MINIMUM = [20, 19, 0];
/**
 * The last security releases known here, by release line: Node's of 21 October 2026 (its changelogs), which fix
 * CVE-2026-111497 among others: a Brotli body could write outside of its memory. Newer ones may exist, so a version over
 * the floor is not said to be free of faults.
 */
const NODE_FLOORS: Readonly<Record<number, readonly number[]>> = { 22: [22, 23, 4], 24: [24, 22, 1], 26: [26, 12, 1] };
/** When lines get no more fixes (Node's release schedule). */
const NODE_ENDS: Readonly<Record<number, string>> = { 20: '2026-04-30', 22: '2027-04-30', 24: '2028-04-30' };

/**
 * Kong's changelogs: 3.9.2 has nginx' fixes of CVE-2026-40701, -40460, -42934, -42946, -42945 and -9256, and 3.9.3 that
 * of CVE-2026-49975.
 */
const KONG_FLOOR = [3, 9, 3];
/** Lines of Kong Enterprise that get fixes, and until when (Kong's support policy). */
const ENTERPRISE_ENDS: Readonly<Record<string, string>> = {
  '3.10': '2028-03-31',
  '3.14': '2029-04-07',
  '3.15': '2027-07-02',
};

/** @param today as `2026-11-27` */
export function judgeNode(version: string, today: string): Finding {
  const parts = versionNumbers(version);
  const [line = 0] = parts;
  const what = `Node ${version}`;
  if (isBelow(parts, NODE_MINIMUM))
    return fail('node', `${what} is too old`, 'install Node 22 or 24; 20.19 is the least');
  const floor = NODE_FLOORS[line];
  if (floor !== undefined && isBelow(parts, floor)) {
    return warn(
      'node',
      `${what} has known security faults (CVE-2026-111497)`,
      `install Node ${floor.join('.')} or newer`,
    );
  }
  const end = NODE_ENDS[line];
  if (end !== undefined && end < today) {
    return warn(
      'node',
      `${what} has had no security fixes since ${end} (CVE-2026-111497 is open)`,
      'install Node 22 or 24',
    );
  }
  if (line % 2 === 1) return warn('node', `${what} is of a line without long-term support`, 'install Node 22 or 24');
  return ok('node', what);
}

/** @param text what `kong version` prints, or `version` of the Admin API */
export function judgeKong(text: string, today: string): Finding {
  const [version = ''] = /\d+\.\d+(\.\d+)*/.exec(text) ?? [];
  const parts = versionNumbers(version);
  const [major = 0, minor = 0] = parts;
  // The fourth number is Enterprise's.
  const isEnterprise = /enterprise/i.test(text) || parts.length > 3;
  const what = `Kong ${isEnterprise ? 'Enterprise ' : ''}${version}`;
  if (version === '') return warn('kong', 'Kong says no version', 'is it Kong that was asked?');
  if (isUnsupportedKong(parts)) return fail('kong', `${what} is not supported`, `install ${KONG_WANTED}`);
  if (isBelow(parts, KONG_FLOOR)) {
    return warn(
      'kong',
      `${what} has known security faults of nginx (CVE-2026-49975 and others)`,
      'install Kong 3.9.3 or a newer 3.9',
    );
  }
  if (!isEnterprise) {
    return minor === 9
      ? ok('kong', what)
      : warn('kong', `${what} was not tried with the plugins`, 'install Kong 3.9.3 or a newer 3.9');
  }
  const end = ENTERPRISE_ENDS[`${major}.${minor}`];
  if (end === undefined || end < today) {
    return warn('kong', `${what} is of a line without support`, 'install the newest version of 3.10 or 3.14 (LTS)');
  }
  return ok('kong', `${what}, with fixes until ${end}`);
}
