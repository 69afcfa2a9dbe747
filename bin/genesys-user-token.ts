#!/usr/bin/env node
import '../kong/node-version.js';

const { runPlugin } = await import('../kong/plugin-server/command-line.js');

await runPlugin(await import('../plugins/genesys-user-token/index.js'));
