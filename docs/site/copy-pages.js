/** Copies the repository's documents, and pictures in them, next to what makes the site of them. */
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const PAGES = resolve(import.meta.dirname, '.pages');
const FOLDERS = ['docs', 'examples', 'kong', 'plugins'];

rmSync(PAGES, { recursive: true, force: true });
const below = (folder) => readdirSync(join(ROOT, folder), { recursive: true }).map((file) => join(folder, file));
const own = readdirSync(ROOT).concat(FOLDERS.flatMap(below));
for (const file of own) {
  if (/\.(md|svg|png)$/.test(file) && !file.startsWith('docs/site')) cpSync(join(ROOT, file), join(PAGES, file));
}
