/** Reads request bodies from `kong.request.get_raw_body`, which passes large ones as a file. */
import { open } from 'node:fs/promises';
import type { RawBodyResult } from './messages.js';
import { PdkError } from './pdk-error.js';

/**
 * Reads the bytes of a request body, wherever Kong keeps them.
 * @throws PdkError if Kong could not read it, or its file is over `maxFileBytes` (0: no limit) or unreadable
 */
export async function readRawBody(result: RawBodyResult, maxFileBytes = 0): Promise<Buffer> {
  if (result.error !== undefined) throw new PdkError(`kong.request.get_raw_body: ${result.error}`);
  if (result.body_filepath === undefined) return result.content ?? Buffer.alloc(0);
  try {
    const file = await open(result.body_filepath, 'r');
    try {
      const { size } = await file.stat();
      if (maxFileBytes > 0 && size > maxFileBytes) {
        throw new PdkError(`kong.request.get_raw_body: the body has ${size} bytes, more than ${maxFileBytes}`);
      }
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof PdkError) throw error;
    throw new PdkError(`kong.request.get_raw_body: the spilled body cannot be read: ${(error as Error).message}`);
  }
}
