/** What the process that runs a plugin allows it, from the command line: whoever writes configuration cannot widen it. */

export interface Host {
  /** Folders below which `file:` secrets may lie, absolute. */
  secretsDirs: readonly string[];
  /** Folders below which log files may lie, absolute. */
  logDirs: readonly string[];
  /** What a plugin may use as standard output, such as that of the container; undefined: nothing. */
  stdoutPath: string | undefined;
  /** The configuration is only checked, where it will not run: what a command line allows there is not known. */
  isCheck?: boolean;
}

/** A process that allows nothing, such as kong-pdk's own server. */
export const BARE_HOST: Host = { secretsDirs: [], logDirs: [], stdoutPath: undefined };
