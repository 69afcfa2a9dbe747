/** Foreign text in a log. Pure. */

/** Fit for one line: no control and no non-ASCII characters, at most so long. It may hold a secret still. */
export function oneLine(text: string, maxLength: number): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, maxLength);
}
