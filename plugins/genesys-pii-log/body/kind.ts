/** The kind of a body, by its Content-Type. Pure. */

import type { MediaType } from '../../shared/http/media-type.js';

export type BodyKind = 'json' | 'form' | 'multipart' | 'text' | 'binary';

const JSON_TYPE = /^(?:application|text)\/(?:[\w.+-]*\+)?(?:json|x-ndjson|ndjson|jsonl|json-seq|x-json)$/;
const TEXT_TYPE = /^(?:text\/.+|application\/(?:[\w.-]+\+)?(?:xml|yaml|javascript|graphql|sql|x-yaml|soap))$/;

/** Returns the kind that a Content-Type declares; undefined if there is none. */
export function declaredKind({ type }: MediaType): BodyKind | undefined {
  if (type === '') return undefined;
  if (JSON_TYPE.test(type)) return 'json';
  if (type === 'application/x-www-form-urlencoded') return 'form';
  if (type.startsWith('multipart/')) return 'multipart';
  return TEXT_TYPE.test(type) || /^[\w.-]+\/[\w.-]+\+xml$/.test(type) ? 'text' : 'binary';
}
