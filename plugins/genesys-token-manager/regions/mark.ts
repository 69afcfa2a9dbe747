/**
 * What the access phase leaves in `ctx.shared` of the region that a request was sent to, so that the log phase can say
 * how it did. Beside the token's mark, which other plugins read; only where regions are configured. Pure.
 */
import type { PdkValue } from '../../shared/pdk.js';
import type { Choice } from './states.js';

/** Under this key of `ctx.shared`, and of Kong's log entry (there the name alone). */
export const REGION_MARK = 'genesys_region';

/** The mark as it is left: `<name>/<epoch>`, and `/probe` of a probe. */
export function formatRegionMark(name: string, { epoch, isProbe }: Choice): string {
  return `${name}/${epoch}${isProbe ? '/probe' : ''}`;
}

/**
 * Reads what was left; undefined if the request was sent to none of these regions.
 * @param names of the regions, in their order
 */
export function parseRegionMark(value: PdkValue, names: readonly string[]): Choice | undefined {
  if (typeof value !== 'string') return undefined;
  const [, name = '', epoch, probe] = /^([\w.-]+)\/(\d{1,15})(\/probe)?$/.exec(value) ?? [];
  const index = names.indexOf(name);
  return index === -1 ? undefined : { index, epoch: Number(epoch), isProbe: probe !== undefined };
}
