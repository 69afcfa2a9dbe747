/** Tells what would be logged of a body, and why: for whoever configures the plugin. */

import { realClock } from '../shared/clock.js';
import { parseMediaType } from '../shared/http/media-type.js';
import { logBody } from './body/body.js';
import { readConfig } from './config.js';
import { ExtraSearchTime, SearchTime } from './mask/search-time.js';
import { Tally } from './mask/tally.js';

/** Stands for the key of hashes: the real one is in a vault, and what is printed here is no log. */
const KEY = 'a key for trying things out';

/**
 * Masks a body as the plugin would.
 * @param raw the plugin's configuration, as it is in kong.yml
 * @returns what is logged, and below it each value with the reason
 * @throws ConfigError that names the field
 */
export async function tryAudit(raw: object, bytes: Buffer, contentType: string): Promise<string> {
  const trial = { ...raw, sinks: [{ type: 'stdout' }], ...('hash_key' in raw ? { hash_key: KEY } : {}) };
  const { policy } = readConfig(trial, { secretsDirs: [], logDirs: [], stdoutPath: '/dev/null' });
  const { rules } = policy;
  const tally = new Tally();
  const searchTime = new SearchTime(new ExtraSearchTime(realClock), rules.patterns);
  const reasons: string[][] = [];
  const logged = await logBody(
    { bytes, size: bytes.length, contentType, contentEncoding: undefined },
    { rules, tally, searchTime },
    policy.maxBodyBytes,
    (pointer, isShown, why) => reasons.push([isShown ? 'shown' : 'masked', pointer === '' ? '/' : pointer, why]),
  );
  const { content, omitted } = logged;
  const kind = logged.kind ?? parseMediaType(contentType).type;
  const counts = Object.entries(tally.toObject()).map(([rule, count]) => `${rule} ${count}`);
  return [
    content ?? `(no content: ${omitted ?? kind}; size and type only)`,
    '',
    ...aligned(reasons),
    ...(reasons.length > 0 ? [''] : []),
    `masked: ${counts.length === 0 ? 'nothing' : counts.join(', ')}${logged.truncated ? '; cut' : ''}`,
    '',
  ].join('\n');
}

function aligned(rows: readonly string[][]): string[] {
  const width = Math.min(60, Math.max(...rows.map(([, pointer = '']) => pointer.length), 0));
  return rows.map(([verdict = '', pointer = '', why = '']) => `${verdict.padEnd(6)}  ${pointer.padEnd(width)}  ${why}`);
}
