#!/usr/bin/env node
import '../kong/node-version.js';

const [{ SERVED }, { runPlugins }] = await Promise.all([
  import('../kong/plugin-list.js'),
  import('../kong/plugin-server/command-line.js'),
]);

await runPlugins({
  command: 'genesys-plugins',
  plugins: SERVED,
  load: (name) => import(`../plugins/${name}/index.js`),
});
