#!/usr/bin/env node
import { SERVED } from '../kong/plugin-list.js';
import { runPlugins } from '../kong/plugin-server/command-line.js';

await runPlugins({
  command: 'genesys-plugins',
  plugins: SERVED,
  load: (name) => import(`../plugins/${name}/index.js`),
});
