/** The plugin server of the benchmark's plugin: the product's own command around it. */
import { runPlugin } from '../../kong/plugin-server/command-line.js';
import * as plugin from './bench-plugin.js';

await runPlugin(plugin);
