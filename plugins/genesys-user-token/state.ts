/** The plugin's state: the checker of each region, for all configurations and nginx workers. */
import { LRUCache } from 'lru-cache';
import type { RunningPart } from '../runtime/part.js';
import { realClock } from '../shared/clock.js';
import { loadFetch } from '../shared/http/small-fetch.js';
import { accessStep } from './access.js';
import { createTokenChecker, type TokenChecker } from './checks/checker.js';
import type { Config } from './config.js';
import { groupsIn } from './consumers.js';
import { createMetrics } from './metrics.js';

/** More regions, or ways to them, than anyone has. Configurations come and go. */
const MAX_CHECKERS = 50;

/** Starts the state without tokens. */
export function startUserTokens(): RunningPart<Config> {
  const checkers = new LRUCache<string, TokenChecker>({ max: MAX_CHECKERS });
  const metrics = createMetrics(() => [...checkers.values()].reduce((sum, { size }) => sum + size, 0));
  const effects = { ...realClock, loadFetch, countCheck: metrics.countCheck };

  return {
    metrics: metrics.families,
    stepsOf({ api, admission, policy }) {
      const key = JSON.stringify([api.origin, api.egress.key]);
      const checker = checkers.get(key) ?? createTokenChecker(api, effects);
      checkers.set(key, checker);
      checker.watchGroups(groupsIn(admission));
      return {
        access: accessStep({ admission, policy, checker, nowMs: effects.nowMs, countRequest: metrics.countRequest }),
      };
    },
  };
}
