#!/usr/bin/env node
import { runPlugin } from '../kong/plugin-server/command-line.js';
import * as plugin from '../plugins/genesys-login/index.js';

await runPlugin(plugin);
