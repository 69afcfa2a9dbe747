/** The plugin server of the probe plugin: the product's own command, around a plugin for tests. */
import { runPlugin } from '../../kong/plugin-server/command-line.js';
import * as plugin from './probe-plugin.js';

await runPlugin(plugin);
