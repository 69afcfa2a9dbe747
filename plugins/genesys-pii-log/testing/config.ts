/** For tests: a parsed configuration, and the masking that it asks for. */
import { realClock } from '../../shared/clock.js';
import type { Host } from '../../shared/host.js';
import { type Config, readConfig } from '../config.js';
import type { Masking } from '../mask/rules.js';
import { ExtraSearchTime, SearchTime } from '../mask/search-time.js';
import { Tally } from '../mask/tally.js';

/** A process that allows standard output. */
export const TEST_HOST: Host = { secretsDirs: [], logDirs: [], stdoutPath: '/dev/null' };

/** 128 bits in base64. */
export const HASH_KEY = Buffer.from('0123456789abcdef').toString('base64');

export function testConfig(overrides: Record<string, unknown> = {}, host = TEST_HOST): Config {
  return readConfig({ sinks: [{ type: 'stdout' }], ...overrides }, host);
}

export function testMasking(overrides: Record<string, unknown> = {}): Masking {
  const { rules } = testConfig(overrides).policy;
  return { rules, tally: new Tally(), searchTime: new SearchTime(new ExtraSearchTime(realClock), rules.patterns) };
}
