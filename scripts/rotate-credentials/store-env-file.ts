/**
 * An environment file, `NAME=value` a line, for Kong's env vault. Lines of other names stay as they are. A running Kong
 * does not see a change: it must be started anew (`--on-publish`).
 */
import { accessSync, constants, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { accessOf, readIfThere, replaceFile } from './files.js';
import { type EntryNames, fromEntries, type SecretStore, type SecretValues, toEntries } from './store.js';

export function createEnvFileStore(path: string, names: EntryNames, wanted: readonly string[]): SecretStore {
  const stagedPath = (rotationId: string): string => `${path}.rotation-${rotationId}`;
  const beforePath = (rotationId: string): string => `${path}.before-${rotationId}`;
  const valuesIn = (file: string): SecretValues | undefined => {
    const text = readIfThere(file);
    return text === undefined ? undefined : fromEntries(readEnv(text), names, wanted);
  };
  const copy = (from: string, to: string): void => replaceFile(to, readFileSync(from, 'utf8'), accessOf(path));
  /** Takes the lines of the values from another file: those beside them may have been changed since that was made. */
  const takeFrom = (file: string): void => {
    const own = wanted.map((value) => names[value] ?? value);
    const text = withLinesOf(readIfThere(path) ?? '', readFileSync(file, 'utf8'), own);
    replaceFile(path, text, accessOf(path));
  };

  return {
    description: `environment file ${path}`,
    readable: true,
    async check() {
      accessSync(path, constants.R_OK | constants.W_OK);
      accessSync(dirname(path), constants.W_OK);
    },
    current: async () => valuesIn(path),
    async stage(rotationId, values) {
      const text = editEnv(readIfThere(path) ?? '', toEntries(values, names));
      replaceFile(stagedPath(rotationId), text, accessOf(path));
    },
    staged: async (rotationId) => valuesIn(stagedPath(rotationId)),
    async publish(rotationId) {
      if (readIfThere(beforePath(rotationId)) === undefined) copy(path, beforePath(rotationId));
      takeFrom(stagedPath(rotationId));
    },
    async restore(rotationId) {
      if (readIfThere(beforePath(rotationId)) !== undefined) takeFrom(beforePath(rotationId));
    },
    previous: async (rotationId) => valuesIn(beforePath(rotationId)),
    async finish(rotationId) {
      rmSync(stagedPath(rotationId), { force: true });
      rmSync(beforePath(rotationId), { force: true });
    },
  };
}

const LINE = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;

export function readEnv(text: string): Record<string, string> {
  const entries: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const [, name, value = ''] = LINE.exec(line) ?? [];
    if (name !== undefined) entries[name] = value.trim().replace(/^(["'])(.*)\1$/, '$2');
  }
  return entries;
}

/** The text, with the lines of these names as another text has them: where they stand, or last; left out if it has none. */
export function withLinesOf(text: string, other: string, names: readonly string[]): string {
  const nameOf = (line: string): string => LINE.exec(line)?.[1] ?? '';
  const taken = new Map(other.split(/\r?\n/).map((line) => [nameOf(line), line]));
  const missing = new Set(names.filter((name) => taken.has(name)));
  const lines = text.split(/\r?\n/).flatMap((line) => {
    const name = nameOf(line);
    if (!names.includes(name)) return [line];
    missing.delete(name);
    return taken.get(name) ?? [];
  });
  if (lines.at(-1) === '') lines.pop();
  return `${[...lines, ...[...missing].map((name) => taken.get(name))].join('\n')}\n`;
}

/** Changes lines where they stand; what is new comes last. Values need no quotes: they have no blanks. */
export function editEnv(text: string, entries: Readonly<Record<string, string>>): string {
  const left = new Map(Object.entries(entries));
  const lines = text.split(/\r?\n/).map((line) => {
    const name = LINE.exec(line)?.[1] ?? '';
    const value = entries[name];
    if (value === undefined) return line;
    left.delete(name);
    return `${/^\s*export\s/.test(line) ? 'export ' : ''}${name}=${value}`;
  });
  if (lines.at(-1) === '') lines.pop();
  return `${[...lines, ...[...left].map(([name, value]) => `${name}=${value}`)].join('\n')}\n`;
}
