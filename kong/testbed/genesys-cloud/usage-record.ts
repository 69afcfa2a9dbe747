/** Use of the API by day (UTC), client, route and status: what Genesys' report is made of. */

/** Requests of one client on one day to one route with one status. */
export interface UsageEntry {
  /** A day, such as `2026-11-27`. */
  day: string;
  clientId: string;
  templateUri: string;
  httpMethod: string;
  status: number;
  requests: number;
}

export interface UsageRecord {
  add(entry: UsageEntry): void;
  entries(): readonly UsageEntry[];
  /** How many days the report is behind: Genesys has today's requests tomorrow. */
  lagDays: number;
}

export function createUsageRecord(): UsageRecord {
  const entries = new Map<string, UsageEntry>();
  return {
    lagDays: 1,
    add(entry) {
      const { requests, ...what } = entry;
      const key = JSON.stringify(what);
      const known = entries.get(key);
      entries.set(key, { ...entry, requests: requests + (known?.requests ?? 0) });
    },
    entries: () => [...entries.values()],
  };
}
