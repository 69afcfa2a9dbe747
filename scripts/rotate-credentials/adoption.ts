/**
 * Whether every node uses the new credential and none the old one, from what their operator's ports tell. Pure: samples
 * in, a judgement out.
 */

/** One counter of a node: a token, or a static credential. */
export interface Use {
  /** Tells one token or credential from another; a counter starts anew with another name. */
  name: string;
  uses: number;
}

/** What one node shows of the two credentials; undefined while the node cannot be asked. */
export interface NodeSample {
  old: Use[];
  new: Use[];
}

export interface NodeJudgement {
  url: string;
  reachable: boolean;
  newUsed: boolean;
  /** Whether the old one was used since watching began. */
  oldUsed: boolean;
  /** How long the old one has not been used; 0 if it just was. */
  oldQuietMs: number;
  /** When the node was first seen to use the new one, in ms after watching began. */
  newUsedAfterMs: number | undefined;
}

export interface AdoptionTracker {
  observe(nowMs: number, samples: ReadonlyMap<string, NodeSample | undefined>): NodeJudgement[];
}

interface NodeMemory {
  uses: Map<string, number>;
  quietSinceMs: number;
  oldUsed: boolean;
  newUsedAfterMs: number | undefined;
}

export function createAdoptionTracker(startedAtMs: number): AdoptionTracker {
  const nodes = new Map<string, NodeMemory>();
  return {
    observe(nowMs, samples) {
      return [...samples].map(([url, sample]) => {
        const memory = nodes.get(url) ?? {
          uses: new Map(),
          quietSinceMs: nowMs,
          oldUsed: false,
          newUsedAfterMs: undefined,
        };
        const seenBefore = nodes.has(url);
        nodes.set(url, memory);
        if (sample === undefined) {
          // Nobody knows what it does now.
          memory.quietSinceMs = nowMs;
          const { oldUsed, newUsedAfterMs } = memory;
          return { url, reachable: false, newUsed: false, oldUsed, oldQuietMs: 0, newUsedAfterMs };
        }
        for (const { name, uses } of sample.old) {
          const before = memory.uses.get(name) ?? (seenBefore ? 0 : uses);
          // Fewer than before: the node has started anew, and has used it since.
          if (uses !== before) {
            memory.quietSinceMs = nowMs;
            memory.oldUsed = true;
          }
          memory.uses.set(name, uses);
        }
        const newUsed = sample.new.some(({ uses }) => uses > 0);
        if (newUsed) memory.newUsedAfterMs ??= nowMs - startedAtMs;
        return {
          url,
          reachable: true,
          newUsed,
          oldUsed: memory.oldUsed,
          oldQuietMs: nowMs - memory.quietSinceMs,
          newUsedAfterMs: memory.newUsedAfterMs,
        };
      });
    },
  };
}

/** Whether all have gone over. */
export function isAdopted(nodes: readonly NodeJudgement[], quietMs: number): boolean {
  return nodes.every(({ reachable, newUsed, oldQuietMs }) => reachable && newUsed && oldQuietMs >= quietMs);
}

/** Whether nothing uses the old one (or, going back, the new one). */
export function isQuiet(nodes: readonly NodeJudgement[], quietMs: number): boolean {
  return nodes.every(({ reachable, oldQuietMs }) => reachable && oldQuietMs >= quietMs);
}

/** What is wrong with those that have not, one sentence each. */
export function complaints(nodes: readonly NodeJudgement[], quietMs: number): string {
  return nodes
    .flatMap(({ url, reachable, newUsed, oldQuietMs }) => {
      if (!reachable) return [`${url} cannot be asked`];
      if (!newUsed) return [`${url} does not use the new credential`];
      return oldQuietMs >= quietMs ? [] : [`${url} may have used the old credential in the last ${quietMs / 1000} s`];
    })
    .join('; ');
}
