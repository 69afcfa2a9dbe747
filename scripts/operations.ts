/**
 * `npm run operations`: writes kong/operations/reading-posts.json from the installed SDK, and puts the paths into the route
 * in kong/config/gateway.yml that lets readers send them. `npm run render` comes next.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DATA, readingPosts, routePaths } from '../kong/testbed/operations.js';
import { ROOT } from '../kong/testbed/plugin-server.js';
import { answerHelp } from './arguments.js';

answerHelp('usage: npm run operations');

const GATEWAY = join(ROOT, 'kong/config/gateway.yml');

const data = readingPosts();
writeFileSync(DATA, `${JSON.stringify(data, null, 2)}\n`);
const lines = routePaths(data.paths).map((path) => `          - ${JSON.stringify(path)}\n`);
const gateway = readFileSync(GATEWAY, 'utf8');
writeFileSync(
  GATEWAY,
  gateway.replace(/(?<=&query-paths\n)( {10}- "~.*\n)+/, () => lines.join('')),
);
