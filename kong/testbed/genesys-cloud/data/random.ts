/**
 * A tiny seeded random source, so that the simulated organisation is the same in every run. Not for secrets.
 */

export interface Random {
  /** 0 <= x < 1 */
  next(): number;
  /** A whole number, min <= x <= max. */
  int(min: number, max: number): number;
  pick<T>(list: readonly [T, ...T[]]): T;
  /** A version 4 UUID in shape. */
  uuid(): string;
}

/** 32-bit FNV-1a of a text, from a starting value. */
function hash(text: string, start: number): number {
  let value = start;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
}

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

/** The same seed gives the same sequence. 64 bits of state (xoroshiro64), so that ids of a large organisation differ. */
export function createRandom(seed: string): Random {
  let low = hash(seed, 0x811c9dc5) || 1;
  let high = hash(seed, 0x2f0b4c47);
  const word = (): number => {
    const result = Math.imul(rotate(Math.imul(low, 0x9e3779bb), 5), 5) >>> 0;
    const mixed = high ^ low;
    low = rotate(low, 26) ^ mixed ^ (mixed << 9);
    high = rotate(mixed, 13);
    return result;
  };
  // The first words of similar seeds are similar.
  for (let round = 0; round < 4; round += 1) word();
  const next = (): number => word() / 0x1_0000_0000;
  const hex = (): string => word().toString(16).padStart(8, '0');
  return {
    next,
    int: (min, max) => min + Math.floor(next() * (max - min + 1)),
    pick: <T>(list: readonly [T, ...T[]]): T => list[Math.floor(next() * list.length)] ?? list[0],
    uuid() {
      const digits = hex() + hex() + hex() + hex();
      const variant = '89ab'.charAt(word() & 3);
      return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`;
    },
  };
}
