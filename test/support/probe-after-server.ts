/** The plugin server of the second probe. */
import { runPlugin } from '../../kong/plugin-server/command-line.js';
import * as plugin from './probe-after-plugin.js';

await runPlugin(plugin);
