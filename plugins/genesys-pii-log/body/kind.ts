/** What a body is, by its Content-Type and, where that says little, by how it begins. Pure. */

export type BodyKind = 'json' | 'form' | 'multipart' | 'text' | 'binary';

export interface MediaType {
  /** In lower case, without parameters; empty if there is none. */
  type: string;
  /** In lower case; undefined if there is none. */
  charset: string | undefined;
  boundary: string | undefined;
}

const PARAMETER = /;\s{0,8}([\w-]{1,32})=(?:"([^"]{0,200})"|([^;\s"]{0,200}))/g;

/** Reads a Content-Type. */
export function parseMediaType(header: string | undefined): MediaType {
  const text = (header ?? '').slice(0, 1000);
  const parameters = new Map<string, string>();
  for (const [, name = '', quoted, bare = ''] of text.matchAll(PARAMETER)) {
    parameters.set(name.toLowerCase(), quoted ?? bare);
  }
  const type = (text.split(';')[0] ?? '').trim().toLowerCase();
  return { type, charset: parameters.get('charset')?.toLowerCase(), boundary: parameters.get('boundary') };
}

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
