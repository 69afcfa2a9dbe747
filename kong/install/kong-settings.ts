/** Reads what a Kong is told: kong.conf, the variables of its environment, or what it notes in its prefix as it runs. */

/** Returns Kong's setting of a name, as in kong.conf. */
export type KongSettings = (name: string) => string | undefined;

/** A plugin server of this package that a Kong is configured with. */
export interface ConfiguredServer {
  socket: string;
  /** The command that serves. */
  command: string[];
  /** Whether Kong starts it. */
  isKongs: boolean;
}

/** A command of this package's plugin servers. Others speak in their own way. */
const OURS = /\/genesys-[\w-]+\.js(?:\s|$)/;

/** Reads lines of kong.conf, or of `.kong_env`. A line that begins with # is a comment. */
export function readKongConf(text: string): KongSettings {
  const lines = text.matchAll(/^[ \t]*(\w+)[ \t]*=[ \t]*(.*?)[ \t\r]*$/gm);
  const settings = new Map([...lines].map(([, name = '', value = '']): [string, string] => [name, value]));
  return (name) => settings.get(name);
}

/** Puts the variables of an environment over the settings of a file, as Kong does. */
export function withEnvironment(conf: KongSettings, env: NodeJS.ProcessEnv): KongSettings {
  return (name) => env[`KONG_${name.toUpperCase()}`] ?? conf(name);
}

/** Returns the plugin servers of this package, each once. */
export function configuredServers(settings: KongSettings): ConfiguredServer[] {
  const names = (settings('pluginserver_names') ?? '').split(',').map((name) => name.trim().replaceAll('-', '_'));
  const servers = new Map<string, ConfiguredServer>();
  for (const name of names) {
    const query = settings(`pluginserver_${name}_query_cmd`) ?? '';
    const socket = settings(`pluginserver_${name}_socket`);
    if (!OURS.test(query) || socket === undefined) continue;
    const command = query.split(/ --dump(?: |$)/, 1)[0]?.split(' ') ?? [];
    const isKongs = servers.get(socket)?.isKongs || settings(`pluginserver_${name}_start_cmd`) !== undefined;
    servers.set(socket, { socket, command, isKongs });
  }
  return [...servers.values()];
}
