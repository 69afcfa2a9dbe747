/** Decompresses the beginning of a body, with or without a header that says how it was compressed. */
import { type Beginning, codingsOf, decodeBeginning } from '../../shared/http/content-coding.js';

const GZIP = Buffer.from([0x1f, 0x8b]);

/**
 * Undoes a Content-Encoding.
 * @param encoding the header, empty if there is none
 * @returns undefined if it cannot be undone
 */
export function decompress(beginning: Beginning, encoding: string, maxBytes: number): Promise<Beginning | undefined> {
  if (encoding === '' && beginning.bytes[0] !== GZIP[0]) return Promise.resolve(beginning);
  const codings = codingsOf([encoding]);
  // The header may be gone: a plugin that rewrites the answer removes it, but the service's own answer is logged.
  const isUnsaid = codings.length === 0 && beginning.bytes.subarray(0, 2).equals(GZIP);
  return decodeBeginning(beginning, isUnsaid ? ['gzip'] : codings, maxBytes);
}

/** Tries to undo brotli. It has no signature, so only an attempt shows whether it was used. */
export function decompressBrotli(beginning: Beginning, maxBytes: number): Promise<Beginning | undefined> {
  return decodeBeginning(beginning, ['br'], maxBytes);
}
