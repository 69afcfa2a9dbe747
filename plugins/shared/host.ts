/** What the process that runs a plugin allows it, from the command line: whoever writes configuration cannot widen it. */

export interface Host {
  /** Folders below which `file:` secrets and `ca_file` may lie, absolute. */
  secretsDirs: readonly string[];
  /** Folders below which log files may lie, absolute; undefined: not known here, as where a configuration is only checked. */
  logDirs: readonly string[] | undefined;
  /** What a plugin may use as standard output, such as that of the container; undefined: nothing. */
  stdoutPath: string | undefined;
}

/** A process that allows nothing, such as kong-pdk's own server. */
export const BARE_HOST: Host = { secretsDirs: [], logDirs: [], stdoutPath: undefined };
