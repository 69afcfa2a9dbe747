import { describe, expect, it } from 'vitest';
import { complaints, createAdoptionTracker, isAdopted, isQuiet, type NodeSample } from './adoption.js';

const QUIET_MS = 5000;
const sample = (oldUses: number, newUses: number): NodeSample => ({
  old: [{ name: 'token-a', uses: oldUses }],
  new: newUses === 0 ? [] : [{ name: 'token-b', uses: newUses }],
});
/** Observes one node after the other moment. */
function watch(...moments: [atMs: number, sample: NodeSample | undefined][]) {
  const tracker = createAdoptionTracker(0);
  return moments.map(([atMs, seen]) => tracker.observe(atMs, new Map([['node', seen]]))).at(-1) ?? [];
}

describe('adoption', () => {
  it('takes the new one used and the old one quiet for long enough', () => {
    expect(isAdopted(watch([0, sample(10, 0)], [1000, sample(12, 3)], [5900, sample(12, 9)]), QUIET_MS)).toBe(false);
    const nodes = watch([0, sample(10, 0)], [1000, sample(12, 3)], [6000, sample(12, 9)]);
    expect(isAdopted(nodes, QUIET_MS)).toBe(true);
    expect(nodes[0]?.newUsedAfterMs).toBe(1000);
    expect(complaints(nodes, QUIET_MS)).toBe('');
  });

  it('is not there while the new one is unused, however quiet the old one is', () => {
    const nodes = watch([0, sample(10, 0)], [60_000, sample(10, 0)]);
    expect(isAdopted(nodes, QUIET_MS)).toBe(false);
    expect(isQuiet(nodes, QUIET_MS)).toBe(true);
    expect(complaints(nodes, QUIET_MS)).toBe('node does not use the new credential');
  });

  it('sees a renewed token of the old one, and one that a restarted node got', () => {
    const renewed = { ...sample(0, 3), old: [{ name: 'token-c', uses: 1 }] };
    expect(watch([0, sample(10, 3)], [8000, renewed])[0]?.oldQuietMs).toBe(0);
    expect(watch([0, sample(10, 3)], [8000, sample(4, 3)])[0]?.oldQuietMs).toBe(0);
  });

  it('starts anew after a node could not be asked', () => {
    const nodes = watch([0, sample(10, 3)], [8000, undefined], [9000, sample(10, 4)]);
    expect(isAdopted(nodes, QUIET_MS)).toBe(false);
    expect(complaints(watch([0, undefined]), QUIET_MS)).toBe('node cannot be asked');
  });

  it('is asked of every node', () => {
    const tracker = createAdoptionTracker(0);
    const both = (second: NodeSample) => new Map([['a', sample(1, 1)] as const, ['b', second] as const]);
    tracker.observe(0, both(sample(5, 0)));
    const nodes = tracker.observe(QUIET_MS, both(sample(6, 2)));
    expect(isAdopted(nodes, QUIET_MS)).toBe(false);
    expect(complaints(nodes, QUIET_MS)).toBe('b may have used the old credential in the last 5 s');
  });
});
