/** A plugin server that describes itself and dies whenever it is to serve. */
import { runPlugin } from '../../kong/plugin-server/command-line.js';
import * as plugin from './probe-plugin.js';

if (process.argv.includes('--dump')) await runPlugin(plugin);
else process.exit(3);
