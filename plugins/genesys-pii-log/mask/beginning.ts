/**
 * Masks the beginning of a long text: first masked, then cut, so that no mask and nothing that should be masked straddles
 * the cut. Pure.
 */
import type { Masking } from './rules.js';
import { applyPatterns, type Hit, replaceHits } from './text.js';

export interface MaskedBeginning {
  text: string;
  /** Whether more of the text was there. */
  isCut: boolean;
}

/** Looked at beyond the cut; nothing that detectors find is longer, but for what goes on to the end anyway. */
const MARGIN = 1024;

/**
 * @param room how many characters of the text are wanted at most
 * @param find what is masked in a text, in order
 */
export function maskBeginning(
  text: string,
  room: number,
  masking: Masking,
  find: (text: string, masking: Masking) => Hit[],
): MaskedBeginning {
  const isCut = text.length > room + MARGIN;
  const replaced = applyPatterns(isCut ? text.slice(0, room + MARGIN) : text, masking);
  const hits = find(replaced, masking);
  if (!isCut) return { text: replaceHits(replaced, hits, masking), isCut };
  // A pattern may have made the text shorter; what stands at its end was cut all the same.
  let end = Math.max(0, Math.min(room, replaced.length - MARGIN));
  const kept: Hit[] = [];
  for (const hit of hits) {
    if (hit.start >= end) break;
    kept.push(hit);
    end = Math.max(end, hit.end);
  }
  return { text: replaceHits(replaced.slice(0, end), kept, masking), isCut };
}
