#!/usr/bin/env node
import { runPlugin } from '../kong/plugin-server/command-line.js';
import * as plugin from '../plugins/genesys-gateway/index.js';

await runPlugin(plugin);
