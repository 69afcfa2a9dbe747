/**
 * Bounds on times in tests. On a machine that does other things too, a time says little: there it only must not be of
 * another order. LONG=1 holds it to the letter, for a machine that does nothing else.
 */
export function allowedMs(ms: number): number {
  return process.env.LONG ? ms : 10 * ms;
}
