/** What is thrown for a configuration that a plugin refuses. */

/** An operator needs no more of a path or a key than that. */
const MAX_MESSAGE_LENGTH = 1000;

/**
 * A fault of a plugin's configuration. Its message is one line, `config.<path> <problem>`, whatever a key of a map or the
 * name of a file holds.
 */
export class ConfigError extends Error {
  /** The field, such as `limits[1].by_name`; empty for the whole configuration. */
  readonly path: string;
  /** The end of a sentence about the field. Never repeats its value, which may be a secret. */
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
