/** Foreign text in log lines. Pure. */

/** Makes text fit for one log line: without control or non-ASCII characters, and cut. It may still hold a secret. */
export function oneLine(text: string, maxLength: number): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, maxLength);
}
