/** Ids of spans. */
import { randomFillSync } from 'node:crypto';

/** Returns a random id of 8 bytes, in hexadecimal digits. */
export type NewSpanId = () => string;

const ID_BYTES = 8;
/** Drawn at once: one draw of random bytes costs more than a hundred ids. */
const POOL_BYTES = 512 * ID_BYTES;

/** Makes the source of ids of a process. */
export function createSpanIds(): NewSpanId {
  const pool = Buffer.alloc(POOL_BYTES);
  let used = POOL_BYTES;
  return () => {
    if (used === POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    used += ID_BYTES;
    return pool.toString('hex', used - ID_BYTES, used);
  };
}
