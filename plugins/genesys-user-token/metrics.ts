/** The plugin's metrics. They never contain a token, a user or an address. */
import { counterBy, gauge } from '../shared/metric-family.js';
import type { MetricFamily } from '../shared/plugin.js';
import type { Decision } from './access.js';
import type { GenesysAnswer } from './checks/ask-genesys.js';

export interface Metrics {
  families: MetricFamily[];
  countCheck(result: GenesysAnswer['kind']): void;
  countRequest(decision: Decision): void;
}

/** Makes the metrics of a process. @param known returns how many accepted tokens are kept */
export function createMetrics(known: () => number): Metrics {
  const checks = new Map<string, number>();
  const requests = new Map<string, number>();
  const count = (totals: Map<string, number>, name: string): void => {
    totals.set(name, (totals.get(name) ?? 0) + 1);
  };
  return {
    countCheck: (result) => count(checks, result),
    countRequest: (decision) => count(requests, decision),
    families: [
      counterBy(
        'result',
        'genesys_user_token_checks_total',
        'Checks of tokens at Genesys by result: owner (accepted), refused, busy (429), failed.',
        () => checks,
      ),
      counterBy(
        'decision',
        'genesys_user_token_requests_total',
        'Requests by decision: accepted, no_token, refused, excluded (organisation, app or user), limited (429), unavailable (503).',
        () => requests,
      ),
      gauge('genesys_user_tokens_known', 'Tokens that are kept because Genesys has accepted them.', known),
    ],
  };
}
