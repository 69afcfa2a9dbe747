/**
 * `npm run operations`: writes kong/operations/reading-posts.json from the installed SDK, and prints the paths of the
 * routes in kong/kong.yml that let readers send them, without and with the prefix `/api`.
 */
import { writeFileSync } from 'node:fs';
import { DATA, readingPosts, routePaths } from '../kong/testbed/operations.js';

const data = readingPosts();
writeFileSync(DATA, `${JSON.stringify(data, null, 2)}\n`);
for (const path of routePaths(data.paths)) console.log(`          - ${JSON.stringify(path)}`);
console.log();
for (const path of routePaths(data.paths, '/api', 'path')) console.log(`          - ${JSON.stringify(path)}`);
