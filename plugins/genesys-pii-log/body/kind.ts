/** What a body is, by its Content-Type and, where that says little, by how it begins. Pure. */

import type { MediaType } from '../../shared/http/media-type.js';

export type BodyKind = 'json' | 'form' | 'multipart' | 'text' | 'binary';

const JSON_TYPE = /^(?:application|text)\/(?:[\w.+-]*\+)?(?:json|x-ndjson|ndjson|jsonl|json-seq|x-json)$/;
const TEXT_TYPE = /^(?:text\/.+|application\/(?:[\w.-]+\+)?(?:xml|yaml|javascript|graphql|sql|x-yaml|soap))$/;

/** What a body is declared to be; undefined if nothing is declared. */
export function declaredKind({ type }: MediaType): BodyKind | undefined {
  if (type === '') return undefined;
  if (JSON_TYPE.test(type)) return 'json';
  if (type === 'application/x-www-form-urlencoded') return 'form';
  if (type.startsWith('multipart/')) return 'multipart';
  return TEXT_TYPE.test(type) || /^[\w.-]+\/[\w.-]+\+xml$/.test(type) ? 'text' : 'binary';
}
