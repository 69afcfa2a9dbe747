/**
 * What Kong must be told to run the plugins of this package: lines for kong.conf, or variables for a container. Paths are
 * absolute, since Kong gives a plugin server neither PATH nor any other variable. Pure.
 */
import { NODE_OPTIONS, type PluginName } from '../plugin-list.js';

export interface InstallSettings {
  plugins: readonly PluginName[];
  /** The node executable. */
  node: string;
  /** The package's folder, the one with `dist` in it. */
  packageFolder: string;
  /** Kong's prefix: sockets lie in it. */
  prefix: string;
  /** Further flags of all plugin servers, such as `--secrets-dir`. */
  flags: readonly string[];
}

/** A setting of Kong, by its name in kong.conf. */
export type Setting = readonly [name: string, value: string];

/** The settings, in the order of kong.conf. */
export function pluginServerSettings({ plugins, node, packageFolder, prefix, flags }: InstallSettings): Setting[] {
  return [
    ['plugins', ['bundled', ...plugins].join(',')],
    ['pluginserver_names', plugins.join(',')],
    ...plugins.flatMap((plugin): Setting[] => {
      const setting = `pluginserver_${plugin.replaceAll('-', '_')}`;
      const socket = `${prefix}/${plugin}.socket`;
      const command = [
        node,
        ...NODE_OPTIONS,
        `${packageFolder}/dist/bin/${plugin}.js`,
        '--socket',
        socket,
        ...flags,
      ].join(' ');
      return [
        [`${setting}_socket`, socket],
        [`${setting}_start_cmd`, command],
        [`${setting}_query_cmd`, `${command} --dump`],
      ];
    }),
  ];
}

/** For kong.conf. */
export function asKongConf(settings: readonly Setting[]): string {
  return settings.map(([name, value]) => `${name} = ${value}\n`).join('');
}

/** For an environment file, or `docker run --env-file`. */
export function asEnvironment(settings: readonly Setting[]): string {
  return settings.map(([name, value]) => `${variable(name)}=${value}\n`).join('');
}

/** For the `env` of Kong's Helm chart, which adds KONG_ itself. */
export function asHelmValues(settings: readonly Setting[]): string {
  return `env:\n${settings.map(([name, value]) => `  ${name}: ${JSON.stringify(value)}\n`).join('')}`;
}

function variable(name: string): string {
  return `KONG_${name.toUpperCase()}`;
}
