/**
 * The mark in `ctx.shared` for the region that a request was sent to. The log phase reads it to report the outcome. It
 * is set next to the token's mark, which other plugins read, and only if regions are configured. Pure.
 */
import type { PdkValue } from '../../shared/pdk.js';
import type { Choice } from './states.js';

/** The key in `ctx.shared`, and in Kong's log entry, which contains only the region's name. */
export const REGION_MARK = 'genesys_region';

/** Formats the mark: `<name>/<epoch>`, or `<name>/<epoch>/probe`. */
export function formatRegionMark(name: string, { epoch, isProbe }: Choice): string {
  return `${name}/${epoch}${isProbe ? '/probe' : ''}`;
}

/**
 * Parses the mark; undefined if the request was sent to none of these regions.
 * @param names the names of the regions, in order
 */
export function parseRegionMark(value: PdkValue, names: readonly string[]): Choice | undefined {
  if (typeof value !== 'string') return undefined;
  const [, name = '', epoch, probe] = /^([\w.-]+)\/(\d{1,15})(\/probe)?$/.exec(value) ?? [];
  const index = names.indexOf(name);
  return index === -1 ? undefined : { index, epoch: Number(epoch), isProbe: probe !== undefined };
}
