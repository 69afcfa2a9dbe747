/**
 * The audit log of `npm start`: what genesys-pii-log writes to standard output goes to a file, whose first entry is printed,
 * so that everyone sees what such a log shows.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, unwatchFile, watchFile, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ExternalPlugin, PLUGINS } from '../kong/testbed/plugin-servers.js';

/** What writes to standard output: the log, and the four in one. */
const LOGGED = ['bin/genesys-pii-log.js', 'bin/genesys-gateway.js'];
const LOOK_EVERY_MS = 200;

export interface AuditView {
  /** Where the entries are. */
  path: string;
  /** The plugins, of which the log writes there. */
  plugins: ExternalPlugin[];
  close(): void;
}

/**
 * Makes the file, and prints the first entry that comes.
 * @param args further flags of the plugin server
 */
export function openAuditView(print: (text: string) => void, args: readonly string[]): AuditView {
  const folder = mkdtempSync(join(tmpdir(), 'genesys-audit-'));
  const path = join(folder, 'audit.log');
  // Standard output is there before who writes to it.
  writeFileSync(path, '');
  // A Kong that root started writes as another user.
  if (process.getuid?.() === 0) {
    chmodSync(folder, 0o711);
    chmodSync(path, 0o666);
  }
  watchFile(path, { interval: LOOK_EVERY_MS }, () => {
    const [entry, ...rest] = readFileSync(path, 'utf8').split('\n');
    if (entry === undefined || rest.length === 0) return;
    unwatchFile(path);
    print(`What the audit log has of it (all entries: ${path}):\n${entry}`);
  });
  return {
    path,
    plugins: PLUGINS.map((plugin) => ({
      ...plugin,
      args: [...(LOGGED.includes(plugin.script) ? ['--stdout', path] : []), ...args],
    })),
    close() {
      unwatchFile(path);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
