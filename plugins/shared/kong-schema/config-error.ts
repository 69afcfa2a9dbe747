/** The error for a configuration that a plugin refuses. */

/** Cuts long paths and keys. An operator needs no more than this. */
const MAX_MESSAGE_LENGTH = 1000;

/**
 * A fault in a plugin's configuration. The message is always one line, `config.<path> <problem>`, also if a map's key
 * or a file's name contains a line break.
 */
export class ConfigError extends Error {
  /** The path of the field, such as `limits[1].by_name`; empty for the whole configuration. */
  readonly path: string;
  /** The end of a sentence about the field. It never contains the value, which may be a secret. */
  readonly problem: string;

  constructor(path: string, problem: string) {
    super(oneLine(`config${path === '' ? '' : '.'}${path} ${problem}`));
    this.path = oneLine(path);
    this.problem = oneLine(problem);
  }
}

function oneLine(text: string): string {
  return text.slice(0, MAX_MESSAGE_LENGTH).replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
}
