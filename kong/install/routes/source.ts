/** Where the API is read from: the description that is named, otherwise the SDK that is installed. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { readText } from '../read-text.js';
import type { Api } from './api.js';

const SDK = 'purecloud-platform-client-v2';

/**
 * Reads the API.
 * @param file its description; undefined takes the SDK
 * @param folders from which an SDK is looked for, as Node looks for packages: the first that has one counts
 * @throws Error of one line if there is neither, or it cannot be read
 */
export async function readApi(file: string | undefined, folders: readonly string[]): Promise<Api> {
  if (file !== undefined) {
    const { readSwagger } = await import('./swagger.js');
    return readSwagger(readText(file), file);
  }
  const [folder] = folders.flatMap(findSdk);
  if (folder === undefined) {
    throw new Error(
      `neither Genesys' API description nor its SDK is there: name the first with --api FILE ` +
        `(curl https://api.mypurecloud.com/api/v2/docs/swagger > FILE, in your region), or install the second ` +
        `in this folder (npm install ${SDK})`,
    );
  }
  const { readSdk } = await import('./sdk.js');
  return readSdk(folder);
}

function findSdk(from: string): string[] {
  try {
    const folder = dirname(createRequire(join(from, 'package.json')).resolve(`${SDK}/package.json`));
    // What is bundled for browsers only has no sources.
    return existsSync(join(folder, 'src', SDK, 'api')) ? [folder] : [];
  } catch {
    return [];
  }
}
