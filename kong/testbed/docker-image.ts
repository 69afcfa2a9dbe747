/** vitest's global setup with GATEWAY=docker: builds one image for all test files. */
import { buildKongImage, dockerMissing } from './docker-kong.js';

export default async function setup(): Promise<void> {
  const missing = await dockerMissing();
  if (missing !== undefined) throw new Error(missing);
  await buildKongImage();
}
