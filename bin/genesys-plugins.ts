#!/usr/bin/env node
import { PLUGIN_NAMES } from '../kong/plugin-list.js';
import { runPlugins } from '../kong/plugin-server/command-line.js';

await runPlugins({
  command: 'genesys-plugins',
  names: PLUGIN_NAMES,
  load: (name) => import(`../plugins/${name}/index.js`),
});
