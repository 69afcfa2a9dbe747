/** What is left of a Kong that did not come up: its logs, out of the folder that goes with it, and the line that says why. */
import { copyFileSync, existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

export interface KongLogs {
  errorLogPath: string;
  pluginLogPath: string;
}

/** Copies the logs to a folder that stays. @returns the plugin server's last line and the folder, in one line */
export function keepLogs({ errorLogPath, pluginLogPath }: KongLogs): string {
  const folder = mkdtempSync(join(tmpdir(), 'genesys-start-'));
  for (const path of [errorLogPath, pluginLogPath]) {
    if (existsSync(path)) copyFileSync(path, join(folder, basename(path)));
  }
  const last = lastLine(pluginLogPath, /./);
  // Of a plugin server that could not even write its log, Kong may know why.
  const known = lastLine(errorLogPath, /\[(?:error|crit|emerg)\]/) ?? lastLine(errorLogPath, /external pluginserver/);
  const said = last === undefined ? `Kong's log: ${known ?? 'nothing'}` : `the plugin server's last line: ${last}`;
  return `${said}; logs are kept in ${folder}`;
}

function lastLine(path: string, pattern: RegExp): string | undefined {
  if (!existsSync(path)) return undefined;
  return readFileSync(path, 'utf8')
    .split('\n')
    .findLast((line) => pattern.test(line));
}
