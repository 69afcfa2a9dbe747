/**
 * genesys-pii-log for kong-js-pluginserver, which has no command line that could allow log files: those in the system's
 * temporary folder are allowed, where benchmarks write them.
 */
import { tmpdir } from 'node:os';
import * as plugin from '../../plugins/genesys-pii-log/index.js';
import { BARE_HOST } from '../../plugins/shared/host.js';

export const { Schema, Name, Version, Priority } = plugin;

/** The plugin's configuration with that allowance. */
export class Plugin extends plugin.Plugin {
  constructor(config: unknown) {
    super(config, { ...BARE_HOST, logDirs: [tmpdir()] });
  }
}
