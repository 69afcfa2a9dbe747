/**
 * A folder with one file for each value, laid out as Kubernetes lays out a mounted secret: each file is a link through
 * `..data` to a folder with one generation, and turning that one link changes all of them at once.
 */
import {
  accessSync,
  constants,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Access, accessOf, OWNER_ONLY, readIfThere, replaceFile, syncFolder } from './files.js';
import { type EntryNames, fromEntries, type SecretStore, type SecretValues, toEntries } from './store.js';

const DATA = '..data';

/**
 * @param folder exists; plain files in it are taken into the layout
 * @param wanted the values that belong together
 */
export function createFolderStore(folder: string, names: EntryNames, wanted: readonly string[]): SecretStore {
  const generation = (rotationId: string): string => `..rotation-${rotationId}`;
  const before = (rotationId: string): string => `..before-${rotationId}`;

  const valuesIn = (name: string): SecretValues | undefined => {
    const entries: Record<string, string> = {};
    for (const value of wanted) {
      const file = names[value] ?? value;
      const text = readIfThere(join(folder, name, file));
      if (text !== undefined) entries[file] = text.replace(/\r?\n$/, '');
    }
    return fromEntries(entries, names, wanted);
  };

  const linkTo = (target: string, link: string): void => {
    const temporary = join(folder, `${link}.new-${process.pid}`);
    rmSync(temporary, { force: true });
    symlinkSync(target, temporary);
    renameSync(temporary, join(folder, link));
    syncFolder(folder);
  };

  /** Which generation is current; undefined while the files are plain. */
  const currentGeneration = (): string | undefined => targetOf(join(folder, DATA));

  /** Every file of the generation that is current, so that others in the folder go on to exist. */
  const filesNow = (): Map<string, { text: string; access: Access }> => {
    const from = currentGeneration() === undefined ? folder : join(folder, DATA);
    const files = readdirSync(from).filter((name) => !name.startsWith('..') && statSync(join(from, name)).isFile());
    return new Map(
      files.map((name) => {
        const path = join(from, name);
        return [name, { text: readFileSync(path, 'utf8'), access: accessOf(path) }];
      }),
    );
  };

  const writeGeneration = (name: string, files: ReadonlyMap<string, { text: string; access: Access }>): void => {
    const path = join(folder, name);
    rmSync(path, { recursive: true, force: true });
    // Who may enter the folder may enter this; what lies in it has its own mode.
    mkdirSync(path, { mode: accessOf(folder).mode });
    for (const [file, { text, access }] of files) replaceFile(join(path, file), text, access);
    syncFolder(folder);
  };

  /** Brings a generation that is not current up to date with what others have changed, such as another rotation. */
  const takeOthers = (name: string): void => {
    const own = new Set(wanted.map((value) => names[value] ?? value));
    const path = join(folder, name);
    const now = filesNow();
    for (const file of readdirSync(path)) {
      if (!own.has(file) && !now.has(file)) rmSync(join(path, file), { recursive: true });
    }
    for (const [file, { text, access }] of now) if (!own.has(file)) replaceFile(join(path, file), text, access);
    syncFolder(path);
  };

  /** Whether another rotation would go back to this generation. */
  const isKeptByAnother = (name: string, rotationId: string): boolean =>
    readdirSync(folder).some(
      (link) => link.startsWith(before('')) && link !== before(rotationId) && targetOf(join(folder, link)) === name,
    );

  /** Turns plain files into links through `..data`, without a moment in which one is missing. */
  const adoptLayout = (rotationId: string): void => {
    if (currentGeneration() === undefined) {
      const initial = `..initial-${rotationId}`;
      writeGeneration(initial, filesNow());
      linkTo(initial, DATA);
    }
    for (const file of readdirSync(join(folder, DATA))) {
      const link = targetOf(join(folder, file));
      if (link !== `${DATA}/${file}`) linkTo(`${DATA}/${file}`, file);
    }
  };

  return {
    description: `files in ${folder}`,
    readable: true,
    async check() {
      accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    },
    current: async () => valuesIn(currentGeneration() === undefined ? '.' : DATA),
    async stage(rotationId, values) {
      const files = filesNow();
      const access = files.get(names[wanted[0] ?? ''] ?? wanted[0] ?? '')?.access ?? OWNER_ONLY;
      for (const [file, text] of Object.entries(toEntries(values, names))) {
        files.set(file, { text, access: files.get(file)?.access ?? access });
      }
      writeGeneration(generation(rotationId), files);
    },
    staged: async (rotationId) => valuesIn(generation(rotationId)),
    async publish(rotationId) {
      adoptLayout(rotationId);
      const current = currentGeneration();
      const isDone = isDeepStrictEqual(valuesIn(DATA), valuesIn(generation(rotationId)));
      if (current !== undefined && current !== generation(rotationId) && !isDone) {
        takeOthers(generation(rotationId));
        linkTo(current, before(rotationId));
        linkTo(generation(rotationId), DATA);
      }
      adoptLayout(rotationId);
    },
    async restore(rotationId) {
      const target = targetOf(join(folder, before(rotationId)));
      if (target === undefined || target === currentGeneration()) return;
      takeOthers(target);
      linkTo(target, DATA);
    },
    previous: async (rotationId) =>
      targetOf(join(folder, before(rotationId))) === undefined ? undefined : valuesIn(before(rotationId)),
    async finish(rotationId) {
      const current = currentGeneration();
      const old = targetOf(join(folder, before(rotationId)));
      const unused = [generation(rotationId), `..initial-${rotationId}`, ...(old === undefined ? [] : [old])];
      rmSync(join(folder, before(rotationId)), { force: true });
      for (const name of unused) {
        if (name !== current && !isKeptByAnother(name, rotationId))
          rmSync(join(folder, name), { recursive: true, force: true });
      }
      syncFolder(folder);
    },
  };
}

/** Where a link leads; undefined for anything else. */
function targetOf(path: string): string | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(path) : undefined;
}
