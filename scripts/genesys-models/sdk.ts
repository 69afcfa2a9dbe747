/** Reads Genesys' SDK from the installed package. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Sdk } from './models.js';

const FOLDER = 'node_modules/purecloud-platform-client-v2';
const APIS = `${FOLDER}/src/purecloud-platform-client-v2/api`;

/** Reads the SDK. @param root of the repository */
export function readSdk(root: string): Sdk {
  const read = (path: string): string => readFileSync(join(root, path), 'utf8');
  const { version } = JSON.parse(read(`${FOLDER}/package.json`)) as { version: string };
  return {
    version,
    types: read(`${FOLDER}/index.d.ts`),
    apis: readdirSync(resolve(root, APIS)).map((file) => read(`${APIS}/${file}`)),
  };
}
