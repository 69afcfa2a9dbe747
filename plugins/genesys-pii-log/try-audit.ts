/** Tells what would be logged of a body, and why: for whoever configures the plugin. */

import { realClock } from '../shared/clock.js';
import { parseMediaType } from '../shared/http/media-type.js';
import { printTrial, type Trial, type TrialRequest, type TriedValue } from '../shared/trial.js';
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
  return printTrial(await trialOf(raw, bytes, contentType));
}

/** Masks JSON, for the page. @throws ConfigError that names the field */
export async function trial({ config, body }: TrialRequest): Promise<Trial> {
  // The page chooses how to mask, and has no key.
  const raw = 'mask' in config && config.mask === 'hash' ? { hash_key: KEY, ...config } : config;
  return trialOf(raw, Buffer.from(body), 'application/json');
}

async function trialOf(raw: object, bytes: Buffer, contentType: string): Promise<Trial> {
  const settings = { ...raw, sinks: [{ type: 'stdout' }], ...('hash_key' in raw ? { hash_key: KEY } : {}) };
  const { policy } = readConfig(settings, { secretsDirs: [], logDirs: [], stdoutPath: '/dev/null' });
  const { rules } = policy;
  const tally = new Tally();
  const searchTime = new SearchTime(new ExtraSearchTime(realClock), rules.patterns);
  const values: TriedValue[] = [];
  const logged = await logBody(
    { bytes, size: bytes.length, contentType, contentEncoding: undefined },
    { rules, tally, searchTime },
    policy.maxBodyBytes,
    (pointer, passes, why) => values.push({ pointer, passes, why }),
  );
  const { content, omitted } = logged;
  const kind = logged.kind ?? parseMediaType(contentType).type;
  const counts = Object.entries(tally.toObject()).map(([rule, count]) => `${rule} ${count}`);
  return {
    summary: `masked: ${counts.length === 0 ? 'nothing' : counts.join(', ')}${logged.truncated ? '; cut' : ''}`,
    result: content ?? `(no content: ${omitted ?? kind}; size and type only)`,
    words: ['shown', 'masked'],
    values,
  };
}
