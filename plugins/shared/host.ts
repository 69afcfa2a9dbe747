/** What the process allows its plugins. It is set on the command line, so a plugin's configuration cannot extend it. */

export interface Host {
  /** The folders that may contain `file:` secrets and `ca_file`, as absolute paths. */
  secretsDirs: readonly string[];
  /** The folders that may contain log files, as absolute paths. Undefined if unknown, such as in check-config. */
  logDirs: readonly string[] | undefined;
  /** The file that plugins use as standard output, such as the container's. Undefined if there is none. */
  stdoutPath: string | undefined;
}

/** A process that allows nothing, such as the plugin server of kong-pdk. */
export const BARE_HOST: Host = { secretsDirs: [], logDirs: [], stdoutPath: undefined };
