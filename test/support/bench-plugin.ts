/** The plugin of the benchmark: one header read and one header set that does not depend on it; or an exit. */
import type { Kong } from '../../plugins/shared/pdk.js';
import type { PluginInstance } from '../../plugins/shared/plugin.js';

export const Name = 'bench';
export const Version = '1.0.0';
export const Priority = 800;
export const Schema = [{ exit: { type: 'boolean', default: false } }] as const;

export class Plugin implements PluginInstance {
  readonly #exit: boolean;

  constructor(config: unknown) {
    this.#exit = (config as { exit?: boolean }).exit === true;
  }

  async access(kong: Kong): Promise<void> {
    if (this.#exit) {
      await kong.response.exit(429, '{"message":"slow down"}', { 'Retry-After': '7' });
      return;
    }
    await Promise.all([kong.request.getHeader('x-request-name'), kong.service.request.setHeader('X-Bench', '1')]);
  }
}
